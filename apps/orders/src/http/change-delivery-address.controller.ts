import { Controller, HttpCode, Patch, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Allow, Caller, type Principal } from '@past-tense/auth';
import { Commands } from '@past-tense/commands';
import { ChangeDeliveryAddress } from '@past-tense/contracts';
import { answerWith, IdempotencyKeys, jobAccepted, Jobs, Keyed, TakesIdempotencyKey, type KeyedRequest } from '@past-tense/jobs';
import { Accepts, Problem, Problems, UuidParam, UuidPath, ValidBody } from '@past-tense/service';
import { currentFlow } from '@past-tense/telemetry';
import type { Response } from 'express';
import type { z } from 'zod';
import { OrderRepository } from '../storage/order.repository';
import { AnswersAccepted } from './accepted';
import { ownOrder } from './own-order';
import { deliveryAddress } from './place-order.request';

const addressChange = deliveryAddress
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'must have at least one field')
  .meta({ minProperties: 1, example: { street: 'Side Street 2', postalCode: '10117' } });

@ApiTags('orders')
@Controller('orders')
@Allow('orders:write')
export class ChangeDeliveryAddressController {
  constructor(
    private readonly orders: OrderRepository,
    private readonly jobs: Jobs,
    private readonly keys: IdempotencyKeys,
    private readonly commands: Commands,
  ) {}

  @Patch(':orderId/delivery-address')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Send the parcel of an order elsewhere',
    description:
      'Only what is given changes. Shipping is asked, and refuses once the parcel has left: then the job fails with `shipment-not-here`.',
  })
  @UuidPath('orderId', 'The order.')
  @Accepts(addressChange)
  @AnswersAccepted('Shipping is asked.')
  @TakesIdempotencyKey()
  @Problems({
    400: 'The request is not valid; every wrong field is named.',
    404: 'There is no such order, or it is not yours.',
    409: 'The order was cancelled, so nothing is sent; or a request with this Idempotency-Key is being worked on.',
  })
  async change(
    @UuidParam('orderId') orderId: string,
    @ValidBody(addressChange) address: z.infer<typeof addressChange>,
    @Caller() caller: Principal,
    @Keyed() keyed: KeyedRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<unknown> {
    const answer = await this.keys.once(caller.subject, keyed, async (transaction) => {
      const { order } = ownOrder(await this.orders.lock(transaction, orderId), orderId, caller);
      if (order.status === 'cancelled')
        throw new Problem(409, 'order-cancelled', 'Order cancelled', 'The order was cancelled, so nothing is sent.');
      const { correlationId } = currentFlow()!;
      const command = {
        method: ChangeDeliveryAddress,
        request: { orderId, address },
        subject: orderId,
        person: order.customerId,
        onBehalfOf: caller.subject,
      };
      const id = await this.commands.request(transaction, command);
      const accepted = jobAccepted(
        await this.jobs.create(transaction, {
          id,
          kind: 'change-delivery-address',
          owner: order.customerId,
          subject: orderId,
          correlationId,
        }),
      );
      return { ...accepted, body: { ...accepted.body, orderId } };
    });
    return answerWith(response, answer);
  }
}
