import { Injectable } from '@nestjs/common';
import { OrderPlaced, OrderPlacedV2 } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type Event, type Reaction, type Shadowed } from '@past-tense/messaging';
import { ShipmentRepository } from '../storage/shipment.repository';

type Placed = OrderPlaced | OrderPlacedV2;

@Injectable()
@ReactsTo(OrderPlaced, OrderPlacedV2)
export class PlanShipmentWhenOrderPlaced implements Reaction<Placed>, Shadowed<Placed> {
  constructor(private readonly shipments: ShipmentRepository) {}

  async react({ data }: Event<Placed>, transaction: Transaction): Promise<void> {
    const { recipient, street, city, postalCode, country } = data.deliveryAddress!;
    await this.shipments.plan(transaction, { orderId: data.orderId, address: { recipient, street, city, postalCode, country } });
  }

  async outcome({ data }: Event<Placed>, transaction: Transaction): Promise<unknown> {
    return (await this.shipments.findByOrder(transaction, data.orderId))?.address;
  }

  async undo({ data }: Event<Placed>, transaction: Transaction): Promise<void> {
    await this.shipments.forget(transaction, data.orderId);
  }
}
