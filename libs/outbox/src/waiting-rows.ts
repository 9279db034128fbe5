import { firstIdAt, toHeaders, type KafkaHeaders } from '@past-tense/envelope';
import type { Database } from '@past-tense/database';
import type { TraceHeaders } from '@past-tense/telemetry';
import { unpackHeaders, type PackedHeaders } from './outbox';
import type { KafkaRecord } from './record';

/** Bytes read and sent at once; past that it is memory, and Kafka refuses a request that is too large. */
export const MAX_BATCH_BYTES = 500_000;

/** A row that waits to be published. */
export interface WaitingRow {
  readonly position: string;
  /** Rows of one key are published in order; one that is refused holds back those behind it. */
  readonly key: string;
  readonly topic: string;
  readonly bytes: number;
  readonly eventId?: string;
  readonly correlationId?: string;
  /** The span that recorded the row. */
  readonly trace?: TraceHeaders;
  toRecord(publishedAt: Date): KafkaRecord;
}

/** Rows that are left out. */
export interface Without {
  readonly keys: readonly string[];
  readonly positions: readonly string[];
}

/** A table the relay publishes from. */
export interface WaitingRows {
  readonly name: 'facts' | 'forwards';
  /** The oldest unpublished rows of the given shards, in order, without some; no more than fit into a request. */
  read(database: Database, shards: readonly number[], without: Without, limit: number): Promise<WaitingRow[]>;
  markPublished(database: Database, positions: readonly string[], publishedAt: Date): Promise<void>;
  /** Deletes rows published before a moment; at most `limit`. Returns how many. */
  deletePublished(database: Database, before: Date, limit: number): Promise<number>;
}

interface FactRow {
  id: string;
  position: string;
  topic: string;
  event_type: string;
  aggregate_id: string;
  aggregate_version: string;
  schema_version: number;
  schema_owner: string;
  data_schema: string;
  correlation_id: string;
  causation_id: string;
  occurred_at: Date;
  producer: string;
  traceparent: string;
  tracestate: string | null;
  also_as: string | null;
  payload: Buffer;
}

interface ForwardRow {
  id: string;
  position: string;
  topic: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: PackedHeaders;
  traceparent: string | null;
}

export const facts: WaitingRows = {
  name: 'facts',
  async read(database, shards, { keys, positions }, limit) {
    const rows = await database.query<FactRow>(readFacts, [shards, keys, limit, positions]);
    return rows.map((row) => ({
      position: row.position,
      key: row.aggregate_id,
      topic: row.topic,
      bytes: row.payload.length,
      eventId: row.id,
      correlationId: row.correlation_id,
      trace: { traceparent: row.traceparent, tracestate: row.tracestate ?? undefined },
      toRecord: (publishedAt) => factRecord(row, publishedAt),
    }));
  },
  ...marking('outbox', { column: 'id', bound: (before) => firstIdAt(before.getTime()) }),
};

export const forwards: WaitingRows = {
  name: 'forwards',
  async read(database, shards, { keys, positions }, limit) {
    const rows = await database.query<ForwardRow>(readForwards, [shards, keys, limit, positions]);
    return rows.map((row) => {
      const headers = unpackHeaders(row.headers);
      return {
        position: row.position,
        key: row.key?.toString('hex') ?? '',
        topic: row.topic,
        bytes: row.value?.length ?? 0,
        ...namesIn(headers),
        ...(row.traceparent !== null && { trace: { traceparent: row.traceparent } }),
        toRecord: () => ({ topic: row.topic, key: row.key, value: row.value, headers }),
      };
    });
  },
  ...marking('outbox_forwards', { column: 'created_at', bound: (before) => before }),
};

/** What a forwarded message says it is, for logs and spans; it need not be an event. */
function namesIn(headers: KafkaHeaders): Pick<WaitingRow, 'eventId' | 'correlationId'> {
  const { ce_id: eventId, ce_correlationid: correlationId } = headers;
  return { ...(eventId && { eventId: String(eventId) }), ...(correlationId && { correlationId: String(correlationId) }) };
}

// By name: after a column was added, a prepared `SELECT *` of an instance that was started before fails until it ends.
const FACT = `position, id, topic, event_type, aggregate_id, aggregate_version, schema_version, schema_owner, data_schema, correlation_id, causation_id,
  occurred_at, producer, traceparent, tracestate, also_as, payload`;
const FORWARD = 'position, id, topic, key, value, headers, traceparent';
const readFacts = {
  name: 'outbox-read-facts',
  text: upTo(
    `SELECT ${FACT} FROM outbox WHERE published_at IS NULL AND shard = ANY($1) AND aggregate_id <> ALL($2) AND position <> ALL($4) ORDER BY position LIMIT $3`,
    'payload',
  ),
};
const readForwards = {
  name: 'outbox-read-forwards',
  text: upTo(
    `SELECT ${FORWARD} FROM outbox_forwards WHERE published_at IS NULL AND shard = ANY($1) AND coalesce(encode(key, 'hex'), '') <> ALL($2) AND position <> ALL($4) ORDER BY position LIMIT $3`,
    'value',
  ),
};

/** The first of some rows, as many as have `MAX_BATCH_BYTES` bytes together; at least one. */
function upTo(rows: string, column: 'payload' | 'value'): string {
  return `SELECT * FROM (SELECT *, sum(coalesce(octet_length(${column}), 0)) OVER (ORDER BY position) - coalesce(octet_length(${column}), 0) AS bytes_before
                         FROM (${rows}) AS waiting) AS counted
          WHERE bytes_before < ${MAX_BATCH_BYTES} ORDER BY position`;
}

/** `age` is an indexed column that narrows the search for old rows: what was published before a moment was made before it. */
function marking(
  table: 'outbox' | 'outbox_forwards',
  age: { column: string; bound: (before: Date) => unknown },
): Pick<WaitingRows, 'markPublished' | 'deletePublished'> {
  // Nobody waits for the disk: a mark that a crash of PostgreSQL loses is one that a crash of the relay had not made, and what it marked is sent again. To
  // wait would make those wait whose commits come after it.
  const mark = {
    name: `${table}-mark`,
    text: `WITH quickly AS (SELECT set_config('synchronous_commit', 'off', true))
           UPDATE ${table} SET published_at = $2 FROM quickly WHERE position = ANY($1) AND published_at IS NULL`,
  };
  const remove = {
    name: `${table}-delete-published`,
    text: `DELETE FROM ${table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM ${table} WHERE published_at < $1 AND ${age.column} < $3 LIMIT $2)) RETURNING 1 AS deleted`,
  };
  return {
    async markPublished(database, positions, publishedAt) {
      await database.query(mark, [positions, publishedAt]);
    },
    async deletePublished(database, before, limit) {
      return (await database.query(remove, [before, limit, age.bound(before)])).length;
    },
  };
}

function factRecord(row: FactRow, publishedAt: Date): KafkaRecord {
  const [name = '', version = ''] = row.producer.split('/');
  const headers = toHeaders({
    eventId: row.id,
    eventType: row.event_type,
    schemaVersion: row.schema_version,
    schemaOwner: row.schema_owner,
    dataSchema: row.data_schema,
    aggregateId: row.aggregate_id,
    aggregateVersion: Number(row.aggregate_version),
    correlationId: row.correlation_id,
    causationId: row.causation_id,
    occurredAt: row.occurred_at.toISOString(),
    publishedAt: publishedAt.toISOString(),
    producer: { name, version },
    traceparent: row.traceparent,
    tracestate: row.tracestate ?? undefined,
    alsoAs: row.also_as?.split(','),
  });
  return { topic: row.topic, key: row.aggregate_id, value: row.payload, headers };
}
