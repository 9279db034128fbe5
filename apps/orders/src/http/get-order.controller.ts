import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, Problem, Problems, UuidParam, UuidPath } from '@past-tense/service';
import { z } from 'zod';
import { OrderRepository } from '../storage/order.repository';

const time = z.iso.datetime();

const orderView = z.object({
  orderId: z.uuid(),
  jobId: z.uuid(),
  correlationId: z.uuid(),
  customerId: z.uuid(),
  status: z.enum(['placed', 'completed', 'cancelled']),
  cancellationReason: z.enum(['payment-declined', 'undeliverable']).optional(),
  total: z.object({ minorUnits: z.int(), currency: z.string() }),
  placedAt: time,
  paidAt: time.optional(),
  endedAt: time.optional(),
  refundedAt: time.optional(),
});

@ApiTags('orders')
@Controller('orders')
export class GetOrderController {
  constructor(private readonly orders: OrderRepository) {}

  @Get(':orderId')
  @ApiOperation({ summary: 'See an order' })
  @UuidPath('orderId', 'The order.')
  @Answers(200, 'The order as orders knows it now.', orderView)
  @Problems({ 400: 'The id is not a UUID.', 404: 'There is no such order.' })
  async get(@UuidParam('orderId') orderId: string): Promise<z.infer<typeof orderView>> {
    const found = await this.orders.find(orderId);
    if (!found) throw new Problem(404, 'order-not-found', 'Order not found', `There is no order ${orderId}.`);
    const { order, jobId, correlationId } = found;
    return {
      orderId: order.id,
      jobId,
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
