import { Controller, HttpCode, Post, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Allow, Caller, type Principal } from '@past-tense/auth';
import { answerWith, IdempotencyKeys, jobAccepted, Keyed, TakesIdempotencyKey, type KeyedRequest } from '@past-tense/jobs';
import { Problems, UuidParam, UuidPath } from '@past-tense/service';
import type { Response } from 'express';
import { Cancellations } from '../commands/cancellations';
import { OrderRepository } from '../storage/order.repository';
import { AnswersAccepted } from './accepted';
import { ownOrder } from './own-order';

@ApiTags('orders')
@Controller('orders')
@Allow('orders:write')
export class CancelOrderController {
  constructor(
    private readonly orders: OrderRepository,
    private readonly cancellations: Cancellations,
    private readonly keys: IdempotencyKeys,
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
      const accepted = jobAccepted(await this.cancellations.request(transaction, known, caller.subject));
      return { ...accepted, body: { ...accepted.body, orderId } };
    });
    return answerWith(response, answer);
  }
}
