import type { Transaction } from '@past-tense/database';
import type { Carrier } from '../carrier/carrier';
import { isReady, recordHandOver, type CarrierAnswer, type Shipment } from '../domain/shipment';
import type { ShipmentRepository } from '../storage/shipment.repository';

/** The second half of both reactions: whichever fact makes a shipment ready hands it over. */
export abstract class Dispatch {
  constructor(
    protected readonly shipments: ShipmentRepository,
    private readonly carrier: Carrier,
  ) {}

  /** Changes the shipment of an order and returns it if the carrier is to be asked now. */
  protected async readyAfter(
    transaction: Transaction,
    orderId: string,
    change: (shipment: Shipment) => Shipment,
  ): Promise<Shipment | undefined> {
    const shipment = await this.shipments.note(transaction, orderId, change);
    return isReady(shipment) ? shipment : undefined;
  }

  async call({ orderId, address }: Shipment): Promise<CarrierAnswer> {
    return await this.carrier.handOver(`parcel-${orderId}`, { orderId, address: address! });
  }

  async record({ data }: { data: { orderId: string } }, answer: CarrierAnswer, transaction: Transaction): Promise<void> {
    await this.shipments.change(transaction, data.orderId, (shipment) => recordHandOver(shipment, answer));
  }
}
