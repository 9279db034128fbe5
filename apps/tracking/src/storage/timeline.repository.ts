import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@past-tense/database';
import { inOrder, type TimelineEntry } from '../domain/timeline';
import { TimelineRow } from './timeline.row';

/** A timeline has few entries. A flow may have any number, because whoever begins one chooses its id. */
const MOST = 1_000;

/** The timeline table: one row per fact, the event's id its key, so adding one twice is adding it once. */
@Injectable()
export class TimelineRepository {
  constructor(private readonly database: Database) {}

  async add(transaction: Transaction, entry: TimelineEntry): Promise<void> {
    const { customerId = null } = entry;
    await transaction.entities
      .createQueryBuilder()
      .insert()
      .into(TimelineRow)
      .values({ ...entry, customerId })
      // What was noted before timelines knew the customer learns it when the fact comes again.
      .orUpdate(['customer_id'], ['event_id'], { overwriteCondition: { where: 'timeline.customer_id IS NULL' } })
      .execute();
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
