import { Injectable } from '@nestjs/common';
import { PaymentCaptured } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { EarlyEventError, ReactsTo, type Event, type OutsideReaction } from '@past-tense/messaging';
import { Carrier } from '../carrier/carrier';
import { addressOf, beginHandOver, isBeingHandedOver, recordHandOver, type CarrierAnswer, type Shipment } from '../domain/shipment';
import { ShipmentRepository } from '../storage/shipment.repository';

@Injectable()
@ReactsTo(PaymentCaptured)
export class DispatchShipmentWhenPaymentCaptured implements OutsideReaction<PaymentCaptured, Shipment, CarrierAnswer> {
  constructor(
    private readonly shipments: ShipmentRepository,
    private readonly carrier: Carrier,
  ) {}

  /** Orders and payments travel on different topics, so the payment may be heard of before the order. */
  async intend({ data }: Event<PaymentCaptured>, transaction: Transaction): Promise<Shipment | undefined> {
    const known = await this.shipments.findByOrder(transaction, data.orderId);
    if (!known) throw new EarlyEventError(data.orderId, `order ${data.orderId}`);
    const shipment = await this.shipments.change(transaction, data.orderId, beginHandOver);
    return isBeingHandedOver(shipment) ? shipment : undefined;
  }

  async call(shipment: Shipment): Promise<CarrierAnswer> {
    const { orderId } = shipment;
    return await this.carrier.handOver(`parcel-${orderId}`, { orderId, address: addressOf(shipment) });
  }

  async record({ data }: Event<PaymentCaptured>, answer: CarrierAnswer, transaction: Transaction): Promise<void> {
    await this.shipments.change(transaction, data.orderId, (shipment) => recordHandOver(shipment, answer));
  }
}
