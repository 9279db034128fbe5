import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@past-tense/database';
import { Jobs } from '@past-tense/jobs';
import { Outbox } from '@past-tense/outbox';
import { Webhooks } from '@past-tense/webhooks';
import { isSettled, type Decision, type Order } from '../domain/order';
import { failureOf, type FailureCode } from '../jobs/failures';
import type { WebhookEvent } from '../webhooks/events';
import { OrderRow } from './order.row';

/** An order with the ids its customer knows. */
export interface KnownOrder {
  readonly order: Order;
  /** The job that placed it. */
  readonly jobId: string;
  /** The job of the last request to cancel it. */
  readonly cancellationJobId?: string | undefined;
  readonly correlationId: string;
}

/**
 * Loads an order, lets the domain decide, saves the new state, records the facts, and lets the job that placed it and those who subscribed
 * follow: all in one transaction.
 */
@Injectable()
export class OrderRepository {
  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
    private readonly jobs: Jobs<FailureCode>,
    private readonly webhooks: Webhooks,
  ) {}

  /** Saves a new order and records the facts about it. */
  async add(transaction: Transaction, { order, facts }: Decision, ids: { jobId: string; correlationId: string }): Promise<void> {
    await transaction.entities.insert(OrderRow, { ...toRow(order), ...ids, version: String(facts.length) });
    for (const [i, fact] of facts.entries()) await this.outbox.append(transaction, fact, i + 1, order.placedAt);
  }

  /**
   * Changes an order. Other changes of the same order wait until the transaction ends.
   * @returns the order as it is then
   * @throws Error if there is no such order
   */
  async change(transaction: Transaction, orderId: string, decide: (order: Order, now: Date) => Decision): Promise<KnownOrder> {
    const row = await this.#lock(transaction, orderId);
    if (!row) throw new Error(`There is no order ${orderId}.`);
    const now = new Date();
    const before = toOrder(row);
    const { order, facts } = decide(before, now);
    const version = Number(row.version);
    await transaction.entities.update(OrderRow, { id: orderId }, { ...toRow(order), version: String(version + facts.length) });
    for (const [i, fact] of facts.entries()) await this.outbox.append(transaction, fact, version + i + 1, now);
    if (order.paidAt && !before.paidAt) await this.jobs.start(transaction, row.jobId);
    if (order.endedAt && !before.endedAt) await this.#ended(transaction, order, row.jobId);
    return toKnown({ ...row, ...toRow(order) });
  }

  /** An order, or null. Changes of it wait until the transaction ends. */
  async lock(transaction: Transaction, orderId: string): Promise<KnownOrder | null> {
    const row = await this.#lock(transaction, orderId);
    return row && toKnown(row);
  }

  /** Notes which job cancels an order. */
  async noteCancellation(transaction: Transaction, orderId: string, cancellationJobId: string): Promise<void> {
    await transaction.entities.update(OrderRow, { id: orderId }, { cancellationJobId });
  }

  /** An order, or null. */
  async find(orderId: string): Promise<KnownOrder | null> {
    const row = await this.database.entities.findOneBy(OrderRow, { id: orderId });
    return row && toKnown(row);
  }

  /** How many orders a customer has placed. */
  async countOf(transaction: Transaction, customerId: string): Promise<number> {
    return await transaction.entities.countBy(OrderRow, { customerId });
  }

  /** The orders of a customer that are not settled, oldest first: on their way, or with money that is. */
  async unsettledOf(transaction: Transaction, customerId: string): Promise<Order[]> {
    // Few of them are, so this reads those that could be, by an index.
    const open = await transaction.entities
      .createQueryBuilder(OrderRow, 'open')
      .where('open.customerId = :customerId', { customerId })
      .andWhere(`(open.endedAt IS NULL OR (open.status = 'cancelled' AND open.refundedAt IS NULL AND open.declinedAt IS NULL))`)
      .orderBy('open.placedAt')
      .getMany();
    return open.map(toOrder).filter((order) => !isSettled(order));
  }

  async #lock(transaction: Transaction, orderId: string): Promise<OrderRow | null> {
    return await transaction.entities.findOne(OrderRow, { where: { id: orderId }, lock: { mode: 'pessimistic_write' } });
  }

  async #ended(transaction: Transaction, order: Order, jobId: string): Promise<void> {
    const { id: orderId, customerId: owner, status, cancellationReason, endedAt } = order;
    const data = { orderId, status, cancellationReason };
    if (cancellationReason) await this.jobs.fail(transaction, jobId, failureOf[cancellationReason]);
    else await this.jobs.succeed(transaction, jobId, { orderId, status });
    const type: WebhookEvent = cancellationReason ? 'order.cancelled' : 'order.completed';
    await this.webhooks.announce(transaction, { owner, type, subject: orderId, occurredAt: endedAt!, data });
  }
}

function toKnown(row: OrderRow): KnownOrder {
  const { jobId, cancellationJobId, correlationId } = row;
  return { order: toOrder(row), jobId, cancellationJobId: cancellationJobId ?? undefined, correlationId };
}

function toRow(order: Order): Omit<OrderRow, 'jobId' | 'cancellationJobId' | 'correlationId' | 'version'> {
  const { total, ...rest } = order;
  return {
    ...rest,
    totalMinorUnits: String(total.minorUnits),
    currency: total.currency,
    paidAt: order.paidAt ?? null,
    endedAt: order.endedAt ?? null,
    refundedAt: order.refundedAt ?? null,
    declinedAt: order.declinedAt ?? null,
    cancellationReason: order.cancellationReason ?? null,
  };
}

function toOrder(row: OrderRow): Order {
  return {
    id: row.id,
    customerId: row.customerId,
    lines: row.lines,
    total: { minorUnits: Number(row.totalMinorUnits), currency: row.currency },
    status: row.status,
    placedAt: row.placedAt,
    paidAt: row.paidAt ?? undefined,
    endedAt: row.endedAt ?? undefined,
    refundedAt: row.refundedAt ?? undefined,
    declinedAt: row.declinedAt ?? undefined,
    cancellationReason: row.cancellationReason ?? undefined,
  };
}
