import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@past-tense/database';
import { Outbox } from '@past-tense/outbox';
import type { Decision, Order } from '../domain/order';
import { OrderFigures } from './order.figures';
import { OrderRow } from './order.row';

/** Loads an order, lets the domain decide, saves the new state and records the facts: all in one transaction. */
@Injectable()
export class OrderRepository {
  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
    private readonly figures: OrderFigures,
  ) {}

  /** Saves a new order and records the facts about it. */
  async add({ order, facts }: Decision, ids: { jobId: string; correlationId: string }): Promise<void> {
    await this.database.transaction(async (transaction) => {
      await transaction.entities.insert(OrderRow, { ...toRow(order), ...ids, version: String(facts.length) });
      for (const [i, fact] of facts.entries()) await this.outbox.append(transaction, fact, i + 1, order.placedAt);
    });
  }

  /**
   * Changes an order. Other changes of the same order wait until the transaction ends.
   * @throws Error if there is no such order
   */
  async change(transaction: Transaction, orderId: string, decide: (order: Order, now: Date) => Decision): Promise<void> {
    const row = await transaction.entities.findOne(OrderRow, { where: { id: orderId }, lock: { mode: 'pessimistic_write' } });
    if (!row) throw new Error(`There is no order ${orderId}.`);
    const now = new Date();
    const { order, facts } = decide(toOrder(row), now);
    const version = Number(row.version);
    await transaction.entities.update(OrderRow, { id: orderId }, { ...toRow(order), version: String(version + facts.length) });
    for (const [i, fact] of facts.entries()) await this.outbox.append(transaction, fact, version + i + 1, now);
    if (order.endedAt && !row.endedAt) transaction.afterCommit(() => this.figures.ended(order));
  }

  /** An order with the ids its caller knows, or null. */
  async find(orderId: string): Promise<{ order: Order; jobId: string; correlationId: string } | null> {
    const row = await this.database.entities.findOneBy(OrderRow, { id: orderId });
    return row && { order: toOrder(row), jobId: row.jobId, correlationId: row.correlationId };
  }
}

function toRow(order: Order): Omit<OrderRow, 'jobId' | 'correlationId' | 'version'> {
  const { total, ...rest } = order;
  return {
    ...rest,
    totalMinorUnits: String(total.minorUnits),
    currency: total.currency,
    paidAt: order.paidAt ?? null,
    endedAt: order.endedAt ?? null,
    refundedAt: order.refundedAt ?? null,
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
    cancellationReason: row.cancellationReason ?? undefined,
  };
}
