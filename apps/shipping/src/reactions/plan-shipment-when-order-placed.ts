import { Injectable } from '@nestjs/common';
import { OrderPlaced } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type Event, type Reaction } from '@past-tense/messaging';
import { ShipmentRepository } from '../storage/shipment.repository';

@Injectable()
@ReactsTo(OrderPlaced)
export class PlanShipmentWhenOrderPlaced implements Reaction<OrderPlaced> {
  constructor(private readonly shipments: ShipmentRepository) {}

  async react({ data }: Event<OrderPlaced>, transaction: Transaction): Promise<void> {
    const { recipient, street, city, postalCode, country } = data.deliveryAddress!;
    await this.shipments.plan(transaction, { orderId: data.orderId, address: { recipient, street, city, postalCode, country } });
  }
}
