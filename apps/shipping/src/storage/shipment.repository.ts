import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { Outbox } from '@past-tense/outbox';
import { PersonalData } from '@past-tense/privacy';
import { planShipment, type Address, type Decision, type Shipment } from '../domain/shipment';
import { ShipmentRow } from './shipment.row';

/** Loads a shipment, lets the domain decide, saves the new state and records the facts: all in one transaction. */
@Injectable()
export class ShipmentRepository {
  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
    private readonly personal: PersonalData,
  ) {}

  /** Plans the shipment of an order, unless that has been done. */
  async plan(transaction: Transaction, order: { orderId: string; customerId: string; address: Address }): Promise<void> {
    const row = { ...(await this.#toRow(planShipment(newId(), order))), version: '0' };
    await transaction.entities.createQueryBuilder().insert().into(ShipmentRow).values(row).orIgnore().execute();
  }

  /** The shipment of an order, or null if none was planned. */
  async findByOrder(transaction: Transaction, orderId: string): Promise<Shipment | null> {
    const row = await transaction.entities.findOneBy(ShipmentRow, { orderId });
    return row && (await this.#toShipment(row));
  }

  /** The shipment that the carrier knows by a number, or null. Carriers use a number again after years: the one that is on its way goes first. */
  async findByTrackingNumber(transaction: Transaction, trackingNumber: string): Promise<Shipment | null> {
    const rows = await transaction.entities.find(ShipmentRow, { where: { trackingNumber }, order: { id: 'DESC' } });
    const row = rows.find(({ status }) => status === 'dispatched') ?? rows[0];
    return row ? await this.#toShipment(row) : null;
  }

  /**
   * Changes the shipment of an order. Other changes of the same shipment wait until the transaction ends.
   * @returns the shipment as it is then
   * @throws Error if none was planned
   */
  async change(transaction: Transaction, orderId: string, decide: (shipment: Shipment) => Decision): Promise<Shipment> {
    const row = await transaction.entities.findOne(ShipmentRow, { where: { orderId }, lock: { mode: 'pessimistic_write' } });
    if (!row) throw new Error(`There is no shipment for order ${orderId}.`);
    const before = await this.#toShipment(row);
    const { shipment, facts } = decide(before);
    const version = Number(row.version);
    const changed = await this.#toRow(shipment, shipment.address === before.address ? row : undefined);
    await transaction.entities.update(ShipmentRow, { id: row.id }, { ...changed, version: String(version + facts.length) });
    const now = new Date();
    for (const [i, fact] of facts.entries()) await this.outbox.append(transaction, fact, version + i + 1, now);
    return shipment;
  }

  /** Erases where parcels of a customer went. */
  async eraseAddresses(transaction: Transaction, customerId: string): Promise<void> {
    await transaction.entities.update(ShipmentRow, { customerId }, { address: null });
  }

  /** Takes the shipment of an order out of the table. Only for what is tried out and taken back. */
  async forget(transaction: Transaction, orderId: string): Promise<void> {
    await transaction.entities.delete(ShipmentRow, { orderId });
  }

  /** A shipment, or null. */
  async find(id: string): Promise<Shipment | null> {
    const row = await this.database.entities.findOneBy(ShipmentRow, { id });
    return row && (await this.#toShipment(row));
  }

  /** @param sealed the row with the address of the shipment; sealed anew if it is left out */
  async #toRow(shipment: Shipment, sealed?: Pick<ShipmentRow, 'address'>): Promise<Omit<ShipmentRow, 'version'>> {
    const { customerId = null, trackingNumber = null } = shipment;
    return { ...shipment, customerId, trackingNumber, address: sealed ? sealed.address : await this.#sealed(shipment) };
  }

  async #sealed(shipment: Shipment): Promise<Address | null> {
    const { customerId: person, address } = shipment;
    if (person === undefined || !address) return address ?? null;
    const { country, ...texts } = address;
    return { country, ...(await this.personal.seal({ person, holder: holderOf(shipment), texts })) };
  }

  async #toShipment(row: ShipmentRow): Promise<Shipment> {
    const { id, orderId, status } = row;
    const [customerId, trackingNumber] = [row.customerId ?? undefined, row.trackingNumber ?? undefined];
    return { id, orderId, customerId, address: await this.#opened(row), status, trackingNumber };
  }

  async #opened(row: ShipmentRow): Promise<Address | undefined> {
    const { customerId: person, address } = row;
    if (person === null || !address) return address ?? undefined;
    const { country, ...texts } = address;
    const opened = await this.personal.open({ person, holder: holderOf(row), texts });
    return opened && { country, ...opened };
  }
}

const holderOf = ({ id }: Pick<Shipment, 'id'>) => `shipment/${id}`;
