import { Injectable } from '@nestjs/common';
import { ShipmentDispatched } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type Event, type Reaction } from '@past-tense/messaging';
import { completeOrder } from '../domain/order';
import { OrderRepository } from '../storage/order.repository';

@Injectable()
@ReactsTo(ShipmentDispatched)
export class CompleteOrderWhenShipmentDispatched implements Reaction<ShipmentDispatched> {
  constructor(private readonly orders: OrderRepository) {}

  async react({ data }: Event<ShipmentDispatched>, transaction: Transaction): Promise<void> {
    await this.orders.change(transaction, data.orderId, completeOrder);
  }
}
