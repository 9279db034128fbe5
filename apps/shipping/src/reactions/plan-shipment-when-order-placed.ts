import { Injectable } from '@nestjs/common';
import { OrderPlaced } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type Event, type OutsideReaction } from '@past-tense/messaging';
import { Carrier } from '../carrier/carrier';
import { planShipment, type CarrierAnswer, type Shipment } from '../domain/shipment';
import { ShipmentRepository } from '../storage/shipment.repository';
import { Dispatch } from './dispatch';

@Injectable()
@ReactsTo(OrderPlaced)
export class PlanShipmentWhenOrderPlaced extends Dispatch implements OutsideReaction<OrderPlaced, Shipment, CarrierAnswer> {
  constructor(shipments: ShipmentRepository, carrier: Carrier) {
    super(shipments, carrier);
  }

  async intend({ data }: Event<OrderPlaced>, transaction: Transaction): Promise<Shipment | undefined> {
    const { recipient, street, city, postalCode, country } = data.deliveryAddress!;
    return await this.readyAfter(transaction, data.orderId, (shipment) =>
      planShipment(shipment, { recipient, street, city, postalCode, country }),
    );
  }
}
