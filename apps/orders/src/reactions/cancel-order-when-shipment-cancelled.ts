import { Injectable } from '@nestjs/common';
import { ShipmentCancelled } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { Jobs } from '@past-tense/jobs';
import { ReactsTo, type Event, type Reaction } from '@past-tense/messaging';
import { cancelOrder } from '../domain/order';
import { OrderRepository } from '../storage/order.repository';

/** Shipping calls a shipment off only because the customer wished it. */
@Injectable()
@ReactsTo(ShipmentCancelled)
export class CancelOrderWhenShipmentCancelled implements Reaction<ShipmentCancelled> {
  constructor(
    private readonly orders: OrderRepository,
    private readonly jobs: Jobs,
  ) {}

  async react({ data: { orderId } }: Event<ShipmentCancelled>, transaction: Transaction): Promise<void> {
    const cancel = await this.orders.change(transaction, orderId, (order, now) => cancelOrder(order, 'customer-request', now));
    if (cancel.cancellationJobId) await this.jobs.succeed(transaction, cancel.cancellationJobId, { orderId, status: cancel.order.status });
  }
}
