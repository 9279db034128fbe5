import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@past-tense/database';
import { In, IsNull, Not } from 'typeorm';
import { inOrder, type TimelineEntry } from '../domain/timeline';
import { TimelineRow } from './timeline.row';

/** The timeline table: one row per fact, the event's id its key, so adding one twice is adding it once. */
@Injectable()
export class TimelineRepository {
  constructor(private readonly database: Database) {}

  async add(transaction: Transaction, entry: TimelineEntry): Promise<void> {
    await transaction.entities.createQueryBuilder().insert().into(TimelineRow).values(entry).orIgnore().execute();
  }

  async ofOrder(orderId: string): Promise<TimelineEntry[]> {
    return inOrder(await this.database.entities.findBy(TimelineRow, { orderId }));
  }

  async ofFlow(correlationId: string): Promise<TimelineEntry[]> {
    return inOrder(await this.database.entities.findBy(TimelineRow, { correlationId }));
  }

  /** The customers of orders, by order; an order of which nobody has heard yet who placed it is missing. */
  async customersOf(orderIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const rows = await this.database.entities.findBy(TimelineRow, { orderId: In([...new Set(orderIds)]), customerId: Not(IsNull()) });
    return new Map(rows.map(({ orderId, customerId }) => [orderId, customerId!]));
  }
}
