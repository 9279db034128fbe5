import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Allow, Caller, type Principal } from '@past-tense/auth';
import { Answers, Problems, UuidParam, UuidPath } from '@past-tense/service';
import { z } from 'zod';
import { OrderRepository } from '../storage/order.repository';
import { ownOrder } from './own-order';

const time = z.iso.datetime();

const orderView = z.object({
  orderId: z.uuid(),
  jobId: z.uuid(),
  cancellationJobId: z.uuid().optional(),
  correlationId: z.uuid(),
  customerId: z.uuid(),
  status: z.enum(['placed', 'completed', 'cancelled']),
  cancellationReason: z.enum(['payment-declined', 'undeliverable', 'customer-request']).optional(),
  total: z.object({ minorUnits: z.int(), currency: z.string() }),
  placedAt: time,
  paidAt: time.optional(),
  endedAt: time.optional(),
  refundedAt: time.optional(),
});

@ApiTags('orders')
@Controller('orders')
@Allow('orders:read')
export class GetOrderController {
  constructor(private readonly orders: OrderRepository) {}

  @Get(':orderId')
  @ApiOperation({ summary: 'See an order' })
  @UuidPath('orderId', 'The order.')
  @Answers(200, 'The order as orders knows it now.', orderView)
  @Problems({ 400: 'The id is not a UUID.', 404: 'There is no such order, or it is not yours.' })
  async get(@UuidParam('orderId') orderId: string, @Caller() caller: Principal): Promise<z.infer<typeof orderView>> {
    const { order, jobId, cancellationJobId, correlationId } = ownOrder(await this.orders.find(orderId), orderId, caller);
    return {
      orderId: order.id,
      jobId,
      cancellationJobId,
      correlationId,
      customerId: order.customerId,
      status: order.status,
      cancellationReason: order.cancellationReason,
      total: { ...order.total },
      placedAt: order.placedAt.toISOString(),
      paidAt: order.paidAt?.toISOString(),
      endedAt: order.endedAt?.toISOString(),
      refundedAt: order.refundedAt?.toISOString(),
    };
  }
}
