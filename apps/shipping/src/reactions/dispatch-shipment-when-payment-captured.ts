import { Injectable } from '@nestjs/common';
import { PaymentCaptured } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type Event, type OutsideReaction } from '@past-tense/messaging';
import { Carrier } from '../carrier/carrier';
import { releaseShipment, type CarrierAnswer, type Shipment } from '../domain/shipment';
import { ShipmentRepository } from '../storage/shipment.repository';
import { Dispatch } from './dispatch';

@Injectable()
@ReactsTo(PaymentCaptured)
export class DispatchShipmentWhenPaymentCaptured extends Dispatch implements OutsideReaction<PaymentCaptured, Shipment, CarrierAnswer> {
  constructor(shipments: ShipmentRepository, carrier: Carrier) {
    super(shipments, carrier);
  }

  async intend({ data }: Event<PaymentCaptured>, transaction: Transaction): Promise<Shipment | undefined> {
    return await this.readyAfter(transaction, data.orderId, releaseShipment);
  }
}
