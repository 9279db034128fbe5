import { Injectable } from '@nestjs/common';
import { OrderPlaced, OrderPlacedV2 } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type Event, type Forgetful, type Reaction, type Shadowed } from '@past-tense/messaging';
import { ShipmentRepository } from '../storage/shipment.repository';

type Placed = OrderPlaced | OrderPlacedV2;

@Injectable()
@ReactsTo(OrderPlaced, OrderPlacedV2)
export class PlanShipmentWhenOrderPlaced implements Reaction<Placed>, Shadowed<Placed>, Forgetful<Placed> {
  constructor(private readonly shipments: ShipmentRepository) {}

  async react({ data }: Event<Placed>, transaction: Transaction): Promise<void> {
    const { recipient, street, city, postalCode, country } = data.deliveryAddress!;
    const { orderId, customerId } = data;
    await this.shipments.plan(transaction, { orderId, customerId, address: { recipient, street, city, postalCode, country } });
  }

  /** A customer is forgotten only when their orders are settled, so nothing is to be sent. */
  async reactToForgotten(): Promise<void> {}

  async outcome({ data }: Event<Placed>, transaction: Transaction): Promise<unknown> {
    return (await this.shipments.findByOrder(transaction, data.orderId))?.address;
  }

  async undo({ data }: Event<Placed>, transaction: Transaction): Promise<void> {
    await this.shipments.forget(transaction, data.orderId);
  }
}
