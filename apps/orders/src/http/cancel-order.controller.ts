import { Controller, HttpCode, Post, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Allow, Caller, type Principal } from '@past-tense/auth';
import { Commands } from '@past-tense/commands';
import { CancelShipment } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { answerWith, IdempotencyKeys, jobAccepted, Jobs, Keyed, TakesIdempotencyKey, type Job, type KeyedRequest } from '@past-tense/jobs';
import { Problems, UuidParam, UuidPath } from '@past-tense/service';
import { currentFlow } from '@past-tense/telemetry';
import type { Response } from 'express';
import { OrderRepository, type KnownOrder } from '../storage/order.repository';
import { AnswersAccepted } from './accepted';
import { ownOrder } from './own-order';

@ApiTags('orders')
@Controller('orders')
@Allow('orders:write')
export class CancelOrderController {
  constructor(
    private readonly orders: OrderRepository,
    private readonly jobs: Jobs,
    private readonly keys: IdempotencyKeys,
    private readonly commands: Commands,
  ) {}

  @Post(':orderId/cancellation')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Cancel an order',
    description:
      'Shipping is asked to call the parcel off, and refuses once it has left. The job tells: it succeeds when the order is cancelled, and fails ' +
      'with `shipment-not-here` if that is too late. Asking again while the first request is being worked on is asking once.',
  })
  @UuidPath('orderId', 'The order.')
  @AnswersAccepted('Shipping is asked.')
  @TakesIdempotencyKey()
  @Problems({ 400: 'The id is not a UUID, or the Idempotency-Key is not one.', 404: 'There is no such order, or it is not yours.' })
  async cancel(
    @UuidParam('orderId') orderId: string,
    @Caller() caller: Principal,
    @Keyed() keyed: KeyedRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<unknown> {
    const answer = await this.keys.once(caller.subject, keyed, async (transaction) => {
      const known = ownOrder(await this.orders.lock(transaction, orderId), orderId, caller);
      const accepted = jobAccepted((await this.#underWay(transaction, known)) ?? (await this.#request(transaction, known, caller)));
      return { ...accepted, body: { ...accepted.body, orderId } };
    });
    return answerWith(response, answer);
  }

  /** The job of an earlier request that has not ended. */
  async #underWay(transaction: Transaction, { cancellationJobId }: KnownOrder): Promise<Job | undefined> {
    const job = cancellationJobId ? await this.jobs.find(cancellationJobId, transaction) : undefined;
    return job?.endedAt ? undefined : job;
  }

  async #request(transaction: Transaction, { order }: KnownOrder, caller: Principal): Promise<Job> {
    const { correlationId } = currentFlow()!;
    const { id: orderId, customerId: owner, status } = order;
    const job = { kind: 'cancel-order', owner, subject: orderId, correlationId };
    if (status === 'cancelled') {
      const created = await this.jobs.create(transaction, { ...job, id: newId() });
      await this.jobs.succeed(transaction, created.id, { orderId, status });
      return created;
    }
    const command = { method: CancelShipment, request: { orderId }, subject: orderId, onBehalfOf: caller.subject };
    const id = await this.commands.request(transaction, command);
    await this.orders.noteCancellation(transaction, orderId, id);
    return await this.jobs.create(transaction, { ...job, id });
  }
}
