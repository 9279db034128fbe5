import { Injectable } from '@nestjs/common';
import { CustomerForgotten, fact } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { Outbox } from '@past-tense/outbox';
import { PersonalData } from '@past-tense/privacy';
import { currentFlow, currentTrace, type Flow } from '@past-tense/telemetry';
import { Webhooks } from '@past-tense/webhooks';
import { CustomerLeavingError } from '../domain/customer.errors';
import type { Order } from '../domain/order';
import { OrderRepository } from './order.repository';

/** What is known of a customer, and what became of their wish to be forgotten. */
export interface KnownCustomer {
  /** How many orders they have placed. */
  readonly orders: number;
  /** Those that have to end before the customer can be forgotten, oldest first. */
  readonly unsettled: readonly Order[];
  readonly askedAt?: Date | undefined;
  readonly forgottenAt?: Date | undefined;
}

/** A wish that was not granted yet, and the flow in which it was told. */
export interface OpenErasure extends Flow {
  readonly customerId: string;
  readonly traceparent: string | null;
}

interface ErasureRow {
  readonly asked_at: Date;
  readonly forgotten_at: Date | null;
}

// Placing an order and asking to forget its customer wait for each other; otherwise an order could be placed whose address nobody can read.
const share = { name: 'customer-share', text: `SELECT pg_advisory_xact_lock_shared(hashtextextended('customer ' || $1, 0))` };
const lock = { name: 'customer-lock', text: `SELECT pg_advisory_xact_lock(hashtextextended('customer ' || $1, 0))` };
const find = { name: 'erasure', text: 'SELECT asked_at, forgotten_at FROM erasures WHERE customer_id = $1' };
const ask = {
  name: 'erasure-ask',
  text: `INSERT INTO erasures (customer_id, asked_at, asked_by, correlation_id, causation_id, traceparent) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT DO NOTHING`,
};
const end = { name: 'erasure-end', text: 'UPDATE erasures SET forgotten_at = $2 WHERE customer_id = $1' };
const open = {
  name: 'erasures-open',
  text: `SELECT customer_id AS "customerId", correlation_id AS "correlationId", causation_id AS "causationId", traceparent
         FROM erasures WHERE forgotten_at IS NULL ORDER BY asked_at`,
};

/** What orders knows of customers: their ids, and who wants to be forgotten. */
@Injectable()
export class CustomerRepository {
  constructor(
    private readonly orders: OrderRepository,
    private readonly personal: PersonalData,
    private readonly webhooks: Webhooks,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Sees to it that a customer is not forgotten before the transaction ends.
   * @throws CustomerLeavingError if they asked for it
   */
  async hold(transaction: Transaction, customerId: string): Promise<void> {
    await transaction.defer(share, [customerId]);
    if ((await transaction.query(find, [customerId])).length > 0) throw new CustomerLeavingError(customerId);
  }

  /** What is known of a customer. */
  async find(transaction: Transaction, customerId: string): Promise<KnownCustomer> {
    const [row] = await transaction.query<ErasureRow>(find, [customerId]);
    const [orders, unsettled] = [
      await this.orders.countOf(transaction, customerId),
      await this.orders.unsettledOf(transaction, customerId),
    ];
    return { orders, unsettled, askedAt: row?.asked_at, forgottenAt: row?.forgotten_at ?? undefined };
  }

  /** Notes that a customer is to be forgotten; from then on they cannot order. Noted again, it changes nothing. Other wishes of theirs wait. */
  async askToForget(transaction: Transaction, customerId: string, by: string): Promise<void> {
    await transaction.query(lock, [customerId]);
    const { correlationId, causationId } = currentFlow()!;
    await transaction.query(ask, [customerId, new Date(), by, correlationId, causationId, currentTrace()?.traceparent ?? null]);
  }

  /** Wishes that nothing stands in the way of any more, oldest first. */
  async settledErasures(transaction: Transaction): Promise<OpenErasure[]> {
    const settled: OpenErasure[] = [];
    for (const erasure of await transaction.query<OpenErasure>(open))
      if ((await this.orders.unsettledOf(transaction, erasure.customerId)).length === 0) settled.push(erasure);
    return settled;
  }

  /**
   * Forgets a customer who asked for it, once all their orders are settled: deletes what is kept for them here, records the fact for the others, and
   * destroys their keys. Done again, it only makes sure of the keys: they are gone before the transaction is committed, and would be gone if that
   * failed.
   * @returns what is known of them then
   */
  async forgetIfSettled(transaction: Transaction, customerId: string, now: Date): Promise<KnownCustomer> {
    await transaction.query(lock, [customerId]);
    const known = await this.find(transaction, customerId);
    if (!known.askedAt || known.unsettled.length > 0) return known;
    if (!known.forgottenAt) {
      await transaction.query(end, [customerId, now]);
      await this.webhooks.forget(transaction, customerId);
      await this.outbox.append(transaction, fact(CustomerForgotten, { customerId }), 1, now);
    }
    await this.personal.forget(customerId);
    return { ...known, forgottenAt: known.forgottenAt ?? now };
  }
}
