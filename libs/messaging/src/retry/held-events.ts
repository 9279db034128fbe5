import type { Transaction } from '@past-tense/database';
import { packHeaders, unpackHeaders, type Outbox, type PackedHeaders } from '@past-tense/outbox';
import { withAdded, type Reason } from '../delivery/added-headers';
import { nameOf, type Message, type Replayed } from '../delivery/message';
import { queueTopic } from '../queues';
import { BEHIND, DEAD, EARLY, type Held, type Place } from './ordered-retry';

/** A held event with everything that is needed to send it on and to explain it. */
export interface HeldEvent extends Held {
  readonly aggregateId: string | null;
  readonly waitsFor: string | null;
  readonly dueAt: Date | null;
  readonly reason: Reason;
  readonly eventType: string | null;
  readonly correlationId: string | null;
  readonly traceparent: string | null;
  readonly attempts: number;
  readonly firstFailedAt: Date | null;
  readonly lastFailedAt: Date | null;
  readonly errorClass: string | null;
  readonly errorMessage: string | null;
  readonly errorStack: string | null;
  readonly message: Pick<Message, 'origin' | 'key' | 'value' | 'headers' | 'replayed'>;
}

export interface HeldRow {
  id: string;
  aggregate_id: string | null;
  version: string | null;
  place: string;
  level: number;
  copy: number;
  waits_for: string | null;
  due_at: Date | null;
  reason: Reason;
  event_type: string | null;
  correlation_id: string | null;
  traceparent: string | null;
  attempts: number;
  first_failed_at: Date | null;
  last_failed_at: Date | null;
  error_class: string | null;
  error_message: string | null;
  error_stack: string | null;
  source_topic: string;
  source_partition: number;
  source_offset: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: PackedHeaders;
  replayed: Replayed | null;
}

const lock = { name: 'held-lock', text: `SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))` };
const ofAggregate = {
  name: 'held-of-aggregate',
  text: 'SELECT * FROM held_events WHERE consumer = $1 AND aggregate_id = $2 ORDER BY version',
};
const oneById = { name: 'held-by-id', text: 'SELECT * FROM held_events WHERE consumer = $1 AND id = $2' };
const waitingFor = {
  name: 'held-waiting-for',
  text: 'SELECT * FROM held_events WHERE consumer = $1 AND waits_for = $2 ORDER BY aggregate_id, version',
};
const overdue = {
  name: 'held-overdue',
  text: `SELECT id, aggregate_id, waits_for FROM held_events WHERE consumer = $1 AND place = '${EARLY}' AND due_at < $2 ORDER BY due_at LIMIT 100`,
};
const forget = { name: 'held-forget', text: 'DELETE FROM held_events WHERE consumer = $1 AND id = $2' };
const count = {
  name: 'held-count',
  text: `SELECT count(*)::int AS held FROM (SELECT 1 FROM held_events WHERE consumer = $1 AND place <> '${DEAD}' LIMIT $2) AS waiting`,
};
const save = {
  name: 'held-save',
  text: `INSERT INTO held_events (consumer, id, aggregate_id, version, place, level, copy, waits_for, due_at, reason, event_type, correlation_id, traceparent,
                                  attempts, first_failed_at, last_failed_at, error_class, error_message, error_stack,
                                  source_topic, source_partition, source_offset, key, value, headers, replayed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)
         ON CONFLICT (consumer, id) DO UPDATE SET
           place = excluded.place, level = excluded.level, copy = excluded.copy, waits_for = excluded.waits_for, due_at = excluded.due_at, reason = excluded.reason,
           attempts = excluded.attempts, first_failed_at = excluded.first_failed_at, last_failed_at = excluded.last_failed_at,
           error_class = excluded.error_class, error_message = excluded.error_message, error_stack = excluded.error_stack`,
};

/** The events of one consumer that wait, and its dead letters. Every method works in the transaction it is given. */
export class HeldEvents {
  constructor(
    private readonly consumer: string,
    private readonly outbox: Pick<Outbox, 'forward'>,
  ) {}

  /** Takes the locks of aggregates until the transaction ends; always in the same order, so that nobody waits in a circle. */
  async lock(transaction: Transaction, ...aggregateIds: string[]): Promise<void> {
    for (const aggregateId of [...new Set(aggregateIds)].sort()) await transaction.query(lock, [this.consumer, aggregateId]);
  }

  /** What is held of an aggregate, by version. */
  async ofAggregate(transaction: Transaction, aggregateId: string): Promise<HeldEvent[]> {
    return (await transaction.query<HeldRow>(ofAggregate, [this.consumer, aggregateId])).map(fromRow);
  }

  /** One held event, or none. */
  async byId(transaction: Transaction, id: string): Promise<HeldEvent[]> {
    return (await transaction.query<HeldRow>(oneById, [this.consumer, id])).map(fromRow);
  }

  /** Events of other aggregates that came too early and wait for this one. */
  async waitingFor(transaction: Transaction, aggregateId: string): Promise<HeldEvent[]> {
    return (await transaction.query<HeldRow>(waitingFor, [this.consumer, aggregateId])).map(fromRow);
  }

  /** Events that have waited too long for what they need. */
  async overdue(transaction: Transaction, now: Date): Promise<{ id: string; aggregateId: string; waitsFor: string }[]> {
    const rows = await transaction.query<{ id: string; aggregate_id: string; waits_for: string }>(overdue, [this.consumer, now]);
    return rows.map(({ id, aggregate_id: aggregateId, waits_for: waitsFor }) => ({ id, aggregateId, waitsFor }));
  }

  /** How many events wait, dead letters not counted; counts no further than `limit`. */
  async count(transaction: Transaction, limit: number): Promise<number> {
    return (await transaction.query<{ held: number }>(count, [this.consumer, limit]))[0]!.held;
  }

  /** Holds an event at its place; where that place has a topic, the message goes there when the transaction commits. */
  async hold(transaction: Transaction, event: HeldEvent, attemptTrace?: string): Promise<void> {
    const { message, ...held } = event;
    const { topic, partition, offset } = message.origin;
    await transaction.query(save, [
      this.consumer,
      held.eventId,
      held.aggregateId,
      held.version,
      held.place,
      held.level,
      held.copy,
      held.waitsFor,
      held.dueAt,
      held.reason,
      storable(held.eventType),
      held.correlationId,
      held.traceparent,
      held.attempts,
      held.firstFailedAt,
      held.lastFailedAt,
      storable(held.errorClass),
      storable(held.errorMessage),
      storable(held.errorStack),
      topic,
      partition,
      offset,
      message.key,
      message.value,
      JSON.stringify(packHeaders(message.headers)),
      message.replayed ? JSON.stringify(message.replayed) : null,
    ]);
    if (!hasTopic(held.place)) return;
    const headers = withAdded(message.headers, {
      ...held,
      consumer: this.consumer,
      origin: message.origin,
      replayed: message.replayed,
      attemptTrace,
    });
    await this.outbox.forward(transaction, {
      topic: queueTopic(this.consumer, held.place),
      key: message.key,
      value: message.value,
      headers,
    });
  }

  /** The event waits no longer. */
  async forget(transaction: Transaction, eventId: string): Promise<void> {
    await transaction.query(forget, [this.consumer, eventId]);
  }
}

/** What names a dead letter whose event id cannot be trusted or read. */
export function letterId({ origin }: Pick<Message, 'origin'>): string {
  return nameOf(origin);
}

/** PostgreSQL's text cannot hold the character 0, and what a malformed message says may. */
function storable(text: string | null): string | null {
  return text?.replaceAll('\0', '\uFFFD') ?? null;
}

function hasTopic(place: Place): boolean {
  return place !== BEHIND && place !== EARLY;
}

/** A row as an event; the tools that look at dead letters read the same table. */
export function fromRow(row: HeldRow): HeldEvent {
  return {
    eventId: row.id,
    aggregateId: row.aggregate_id,
    version: Number(row.version ?? 0),
    place: row.place,
    level: row.level,
    copy: row.copy,
    waitsFor: row.waits_for,
    dueAt: row.due_at,
    reason: row.reason,
    eventType: row.event_type,
    correlationId: row.correlation_id,
    traceparent: row.traceparent,
    attempts: row.attempts,
    firstFailedAt: row.first_failed_at,
    lastFailedAt: row.last_failed_at,
    errorClass: row.error_class,
    errorMessage: row.error_message,
    errorStack: row.error_stack,
    message: {
      origin: { topic: row.source_topic, partition: row.source_partition, offset: row.source_offset },
      key: row.key,
      value: row.value,
      headers: unpackHeaders(row.headers),
      ...(row.replayed && { replayed: row.replayed }),
    },
  };
}
