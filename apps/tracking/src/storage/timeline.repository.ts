import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@past-tense/database';
import { inOrder, type TimelineEntry } from '../domain/timeline';
import { TimelineRow } from './timeline.row';

/** A timeline has few entries. A flow may have any number, because whoever begins one chooses its id. */
const MOST = 1_000;

/** What an entry is as a row. */
const COLUMNS: readonly (readonly [column: string, type: string, value: (entry: TimelineEntry) => unknown])[] = [
  ['event_id', 'uuid', ({ eventId }) => eventId],
  ['order_id', 'uuid', ({ orderId }) => orderId],
  ['customer_id', 'uuid', ({ customerId }) => customerId ?? null],
  ['topic', 'text', ({ topic }) => topic],
  ['event_type', 'text', ({ eventType }) => eventType],
  ['aggregate_id', 'text', ({ aggregateId }) => aggregateId],
  ['aggregate_version', 'integer', ({ aggregateVersion }) => aggregateVersion],
  ['correlation_id', 'uuid', ({ correlationId }) => correlationId],
  ['causation_id', 'uuid', ({ causationId }) => causationId],
  ['producer', 'text', ({ producer }) => producer],
  ['trace_id', 'text', ({ traceId }) => traceId],
  ['occurred_at', 'timestamptz', ({ occurredAt }) => occurredAt],
  ['published_at', 'timestamptz', ({ publishedAt }) => publishedAt],
];

// What was noted before timelines knew the customer learns it when the fact comes again.
const add = {
  name: 'timeline-add',
  text: `INSERT INTO timeline (${COLUMNS.map(([column]) => column).join(', ')})
         SELECT * FROM unnest(${COLUMNS.map(([, type], i) => `$${i + 1}::${type}[]`).join(', ')})
         ON CONFLICT (event_id) DO UPDATE SET customer_id = excluded.customer_id WHERE timeline.customer_id IS NULL`,
};

/** The timeline table: one row per fact, the event's id its key, so adding one twice is adding it once. */
@Injectable()
export class TimelineRepository {
  constructor(private readonly database: Database) {}

  /** Adds entries of different events, with one statement. */
  async add(transaction: Transaction, entries: readonly TimelineEntry[]): Promise<void> {
    await transaction.query(
      add,
      COLUMNS.map(([, , value]) => entries.map(value)),
    );
  }

  /** The entry of an event, or null. */
  async find(transaction: Transaction, eventId: string): Promise<TimelineEntry | null> {
    return await transaction.entities.findOneBy(TimelineRow, { eventId });
  }

  /** Takes an entry out of the table. Only for what is tried out and taken back. */
  async forget(transaction: Transaction, eventId: string): Promise<void> {
    await transaction.entities.delete(TimelineRow, { eventId });
  }

  /**
   * What happened to an order.
   * @param customerId only if it is this customer's; undefined for everybody's
   */
  async ofOrder(orderId: string, customerId?: string): Promise<TimelineEntry[]> {
    return await this.#entries('entry.orderId = :id', orderId, customerId);
  }

  /**
   * What happened in a flow, the first thousand facts of it.
   * @param customerId only what is about this customer's orders; undefined for everybody's
   */
  async ofFlow(correlationId: string, customerId?: string): Promise<TimelineEntry[]> {
    return await this.#entries('entry.correlationId = :id', correlationId, customerId);
  }

  async #entries(where: string, id: string, customerId: string | undefined): Promise<TimelineEntry[]> {
    const query = this.database.entities.createQueryBuilder(TimelineRow, 'entry').where(where, { id });
    // Who placed an order is known by the fact that it was placed; until that has come, it is nobody's.
    if (customerId !== undefined)
      query.andWhere('EXISTS (SELECT 1 FROM timeline placed WHERE placed.order_id = entry.order_id AND placed.customer_id = :customerId)', {
        customerId,
      });
    return inOrder(await query.orderBy('entry.occurredAt').addOrderBy('entry.eventId').limit(MOST).getMany());
  }
}
