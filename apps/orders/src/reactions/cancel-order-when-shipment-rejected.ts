import { Injectable } from '@nestjs/common';
import { knownShipmentRejectedReason, ShipmentRejected, ShipmentRejected_Reason } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type Event, type Reaction } from '@past-tense/messaging';
import { cancelOrder, type CancellationReason } from '../domain/order';
import { OrderRepository } from '../storage/order.repository';

/** Why the order ends, by the carrier's reason. The customer is told, so a reason that nobody here knows yet must not pass for another one. */
const cancellationReasons: Record<ReturnType<typeof knownShipmentRejectedReason>, CancellationReason> = {
  [ShipmentRejected_Reason.UNDELIVERABLE]: 'undeliverable',
};

@Injectable()
@ReactsTo(ShipmentRejected)
export class CancelOrderWhenShipmentRejected implements Reaction<ShipmentRejected> {
  constructor(private readonly orders: OrderRepository) {}

  async react({ data }: Event<ShipmentRejected>, transaction: Transaction): Promise<void> {
    const reason = cancellationReasons[knownShipmentRejectedReason(data.reason)];
    await this.orders.change(transaction, data.orderId, (order, now) => cancelOrder(order, reason, now));
  }
}
