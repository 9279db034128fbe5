import type { Producer } from 'kafkajs';
import type { Pool } from 'pg';

const BATCH = 500;

interface Row {
  position: string;
  topic: string;
  aggregate_id: string;
  payload: Buffer;
  [column: string]: unknown;
}

const HEADERS = ['id', 'event_type', 'occurred_at', 'aggregate_id', 'aggregate_version', 'correlation_id', 'causation_id'];
const MORE = ['schema_version', 'schema_owner', 'producer', 'data_schema', 'traceparent', 'spec_version'];

/**
 * What is written in an afternoon: read a batch FOR UPDATE SKIP LOCKED, send it, mark it, commit. Several of these put events out of order.
 * @returns how many it has published
 */
export async function publishBatch(pool: Pool, producer: Producer): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<Row>({
      name: 'read',
      text: `SELECT * FROM outbox WHERE published_at IS NULL ORDER BY position LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`,
    });
    if (rows.length > 0) {
      const now = new Date().toISOString();
      const messages = rows.map((row) => ({
        key: row.aggregate_id,
        value: row.payload,
        headers: {
          ...Object.fromEntries([...HEADERS, ...MORE].map((name) => [`ce_${name}`, text(row[name])])),
          'content-type': 'application/protobuf',
          ce_publishedat: now,
        },
      }));
      await producer.sendBatch({ acks: -1, topicMessages: [{ topic: rows[0]!.topic, messages }] });
      const positions = rows.map(({ position }) => position);
      await client.query({ name: 'mark', text: 'UPDATE outbox SET published_at = now() WHERE position = ANY($1)', values: [positions] });
    }
    await client.query('COMMIT');
    return rows.length;
  } finally {
    client.release();
  }
}

const text = (value: unknown) => (value instanceof Date ? value.toISOString() : String(value));
