import { Injectable } from '@nestjs/common';
import { ShipmentRejected } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type Event, type Reaction } from '@past-tense/messaging';
import { cancelOrder } from '../domain/order';
import { OrderRepository } from '../storage/order.repository';

@Injectable()
@ReactsTo(ShipmentRejected)
export class CancelOrderWhenShipmentRejected implements Reaction<ShipmentRejected> {
  constructor(private readonly orders: OrderRepository) {}

  async react({ data }: Event<ShipmentRejected>, transaction: Transaction): Promise<void> {
    await this.orders.change(transaction, data.orderId, (order, now) => cancelOrder(order, 'undeliverable', now));
  }
}
