import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { Outbox } from '@past-tense/outbox';
import { planShipment, type Address, type Decision, type Shipment } from '../domain/shipment';
import { ShipmentRow } from './shipment.row';

/** Loads a shipment, lets the domain decide, saves the new state and records the facts: all in one transaction. */
@Injectable()
export class ShipmentRepository {
  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  /** Plans the shipment of an order, unless that has been done. */
  async plan(transaction: Transaction, order: { orderId: string; address: Address }): Promise<void> {
    const row = { ...toRow(planShipment(newId(), order)), version: '0' };
    await transaction.entities.createQueryBuilder().insert().into(ShipmentRow).values(row).orIgnore().execute();
  }

  /** The shipment of an order, or null if none was planned. */
  async findByOrder(transaction: Transaction, orderId: string): Promise<Shipment | null> {
    const row = await transaction.entities.findOneBy(ShipmentRow, { orderId });
    return row && toShipment(row);
  }

  /** The shipment that the carrier knows by a number, or null. Carriers use a number again after years: the one that is on its way goes first. */
  async findByTrackingNumber(transaction: Transaction, trackingNumber: string): Promise<Shipment | null> {
    const rows = await transaction.entities.find(ShipmentRow, { where: { trackingNumber }, order: { id: 'DESC' } });
    const row = rows.find(({ status }) => status === 'dispatched') ?? rows[0];
    return row ? toShipment(row) : null;
  }

  /**
   * Changes the shipment of an order. Other changes of the same shipment wait until the transaction ends.
   * @returns the shipment as it is then
   * @throws Error if none was planned
   */
  async change(transaction: Transaction, orderId: string, decide: (shipment: Shipment) => Decision): Promise<Shipment> {
    const row = await transaction.entities.findOne(ShipmentRow, { where: { orderId }, lock: { mode: 'pessimistic_write' } });
    if (!row) throw new Error(`There is no shipment for order ${orderId}.`);
    const { shipment, facts } = decide(toShipment(row));
    const version = Number(row.version);
    await transaction.entities.update(ShipmentRow, { id: row.id }, { ...toRow(shipment), version: String(version + facts.length) });
    const now = new Date();
    for (const [i, fact] of facts.entries()) await this.outbox.append(transaction, fact, version + i + 1, now);
    return shipment;
  }

  /** Takes the shipment of an order out of the table. Only for what is tried out and taken back. */
  async forget(transaction: Transaction, orderId: string): Promise<void> {
    await transaction.entities.delete(ShipmentRow, { orderId });
  }

  /** A shipment, or null. */
  async find(id: string): Promise<Shipment | null> {
    const row = await this.database.entities.findOneBy(ShipmentRow, { id });
    return row && toShipment(row);
  }
}

function toRow(shipment: Shipment): Omit<ShipmentRow, 'version'> {
  return { ...shipment, trackingNumber: shipment.trackingNumber ?? null };
}

function toShipment(row: ShipmentRow): Shipment {
  return {
    id: row.id,
    orderId: row.orderId,
    address: row.address,
    status: row.status,
    trackingNumber: row.trackingNumber ?? undefined,
  };
}
