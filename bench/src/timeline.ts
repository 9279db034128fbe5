import { topicOfType, type OrderCompleted } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import type { BatchReaction, Event, Reaction } from '@past-tense/messaging';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Progress } from './progress';

// The table and the reaction of the service tracking (apps/tracking), which exports nothing: what is measured is the same work.

/** The table, as the migrations of tracking leave it. */
export const TIMELINE_TABLE = [
  `CREATE TABLE timeline (
    event_id          uuid        PRIMARY KEY,
    order_id          uuid        NOT NULL,
    topic             text        NOT NULL,
    event_type        text        NOT NULL,
    aggregate_id      text        NOT NULL,
    aggregate_version integer     NOT NULL,
    correlation_id    uuid        NOT NULL,
    causation_id      uuid        NOT NULL,
    producer          text        NOT NULL,
    trace_id          text        NOT NULL,
    occurred_at       timestamptz NOT NULL,
    published_at      timestamptz NOT NULL,
    customer_id       uuid
  )`,
  'CREATE INDEX timeline_by_order ON timeline (order_id)',
  'CREATE INDEX timeline_by_flow ON timeline (correlation_id)',
];

@Entity('timeline')
export class TimelineRow {
  @PrimaryColumn('uuid', { name: 'event_id' })
  eventId!: string;

  @Column('uuid', { name: 'order_id' })
  orderId!: string;

  @Column('uuid', { name: 'customer_id', nullable: true })
  customerId!: string | null;

  @Column('text')
  topic!: string;

  @Column('text', { name: 'event_type' })
  eventType!: string;

  @Column('text', { name: 'aggregate_id' })
  aggregateId!: string;

  @Column('integer', { name: 'aggregate_version' })
  aggregateVersion!: number;

  @Column('uuid', { name: 'correlation_id' })
  correlationId!: string;

  @Column('uuid', { name: 'causation_id' })
  causationId!: string;

  @Column('text')
  producer!: string;

  @Column('text', { name: 'trace_id' })
  traceId!: string;

  @Column('timestamptz', { name: 'occurred_at' })
  occurredAt!: Date;

  @Column('timestamptz', { name: 'published_at' })
  publishedAt!: Date;
}

const insertAll = {
  name: 'bench-extend-timeline',
  text: `INSERT INTO timeline (event_id, order_id, customer_id, topic, event_type, aggregate_id, aggregate_version, correlation_id, causation_id,
                               producer, trace_id, occurred_at, published_at)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::int[], $8::uuid[], $9::uuid[],
                              $10::text[], $11::text[], $12::timestamptz[], $13::timestamptz[])
         ON CONFLICT (event_id) DO UPDATE SET customer_id = excluded.customer_id WHERE timeline.customer_id IS NULL`,
};

/** The columns of the statement above, in its order. */
const COLUMNS: readonly (keyof TimelineRow)[] = [
  'eventId',
  'orderId',
  'customerId',
  'topic',
  'eventType',
  'aggregateId',
  'aggregateVersion',
  'correlationId',
  'causationId',
  'producer',
  'traceId',
  'occurredAt',
  'publishedAt',
];

/** Adds an event to the timeline of its order. */
export class ExtendTimeline implements Reaction<OrderCompleted> {
  constructor(protected readonly progress: Progress) {}

  async react(event: Event<OrderCompleted>, transaction: Transaction): Promise<void> {
    this.note(1, transaction);
    await transaction.entities
      .createQueryBuilder()
      .insert()
      .into(TimelineRow)
      .values(rowOf(event))
      .orUpdate(['customer_id'], ['event_id'], { overwriteCondition: { where: 'timeline.customer_id IS NULL' } })
      .execute();
  }

  protected note(events: number, transaction: Transaction): void {
    this.progress.started();
    transaction.afterCommit(() => this.progress.committed(events));
  }
}

/** The same for many events with one statement. */
export class ExtendTimelineBySet extends ExtendTimeline implements BatchReaction<OrderCompleted> {
  async reactToAll(events: readonly Event<OrderCompleted>[], transaction: Transaction): Promise<void> {
    this.note(events.length, transaction);
    const rows = events.map(rowOf);
    await transaction.query(
      insertAll,
      COLUMNS.map((column) => rows.map((row) => row[column])),
    );
  }
}

function rowOf(event: Event<OrderCompleted>): TimelineRow {
  const { eventId, eventType, aggregateId, aggregateVersion, correlationId, causationId, producer, traceparent } = event;
  return {
    eventId,
    orderId: event.data.orderId,
    customerId: null,
    topic: topicOfType(eventType)!.name,
    eventType,
    aggregateId,
    aggregateVersion,
    correlationId,
    causationId,
    producer: `${producer.name}/${producer.version}`,
    traceId: traceparent.split('-')[1]!,
    occurredAt: new Date(event.occurredAt),
    publishedAt: new Date(event.publishedAt),
  };
}
