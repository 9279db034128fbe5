import { Kafka, logLevel } from 'kafkajs';
import { Pool } from 'pg';
import { newId } from '@past-tense/envelope';
import { insertEffect } from '../effects';
import { everyNowAndThen, type IdleOptions } from '../idle';
import { aPlacing, ORDER_TABLES } from '../orders';
import { memoryRecords } from '../records';
import { program } from '../program';

const POLL_MS = 100;
const BATCH = 500;
const OUTBOX = `CREATE TABLE plain_outbox (position bigserial PRIMARY KEY, id uuid NOT NULL, key uuid NOT NULL, headers jsonb NOT NULL, payload bytea NOT NULL,
                                           published_at timestamptz);
                CREATE INDEX ON plain_outbox (position) WHERE published_at IS NULL`;
const PROCESSED = 'CREATE TABLE processed (event_id uuid PRIMARY KEY)';

interface Row {
  position: string;
  id: string;
  key: string;
  headers: Record<string, string>;
  payload: Buffer;
}

/** What is written in an afternoon: a relay that looks every 100 ms, and a consumer with eachMessage that remembers what it has processed. */
program(async ({ url, consumerUrl, broker, topic, group, commits }: IdleOptions) => {
  const [database, effects] = [url, consumerUrl].map((connectionString) => new Pool({ connectionString, max: 10 })) as [Pool, Pool];
  await database.query(ORDER_TABLES);
  await database.query(OUTBOX);
  await effects.query(PROCESSED);
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING });
  const [producer, consumer] = [kafka.producer(), kafka.consumer({ groupId: group })];
  await Promise.all([producer.connect(), consumer.connect()]);
  const arrived = new Map<string, () => void>();
  await consumer.subscribe({ topic, fromBeginning: true });
  const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
  await consumer.run({
    eachMessage: async ({ message }) => {
      const eventId = String(message.headers?.['ce_id']);
      const client = await effects.connect();
      await client.query('BEGIN');
      const claim = { name: 'claim', text: 'INSERT INTO processed (event_id) VALUES ($1) ON CONFLICT DO NOTHING', values: [eventId] };
      if ((await client.query(claim)).rowCount === 1) await client.query({ ...insertEffect, values: [eventId, String(message.key)] });
      await client.query('COMMIT');
      client.release();
      arrived.get(eventId)?.();
    },
  });
  await joined;

  let polling = Promise.resolve();
  const timer = setInterval(() => {
    polling = polling.then(() => publishBatch(database, (messages) => producer.send({ topic, acks: -1, messages })));
  }, POLL_MS);

  const place = async () => {
    const { orderId, inserts } = aPlacing();
    const [{ value, headers }] = memoryRecords(1, 1) as [ReturnType<typeof memoryRecords>[number]];
    const eventId = newId();
    const client = await database.connect();
    await client.query('BEGIN');
    for (const [statement, values] of inserts) await client.query({ ...statement, values: [...values] });
    await client.query({
      name: 'append',
      text: 'INSERT INTO plain_outbox (id, key, headers, payload) VALUES ($1, $2, $3, $4)',
      values: [eventId, orderId, JSON.stringify({ ...headers, ce_id: eventId }), value],
    });
    const effectsThere = new Promise<void>((resolve) => arrived.set(eventId, resolve));
    const startedAt = performance.now();
    await client.query('COMMIT');
    client.release();
    await effectsThere;
    return performance.now() - startedAt;
  };
  return {
    ...(await everyNowAndThen(commits, place)),
    async end() {
      clearInterval(timer);
      await polling;
      await consumer.disconnect();
      await producer.disconnect();
      await Promise.all([database.end(), effects.end()]);
    },
  };
});

async function publishBatch(
  pool: Pool,
  send: (messages: { key: string; value: Buffer; headers: Record<string, string> }[]) => Promise<unknown>,
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const text = `SELECT * FROM plain_outbox WHERE published_at IS NULL ORDER BY position LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`;
    const { rows } = await client.query<Row>({ name: 'read', text });
    if (rows.length > 0) {
      await send(rows.map(({ key, payload: value, headers }) => ({ key, value, headers })));
      const positions = rows.map(({ position }) => position);
      await client.query({
        name: 'mark',
        text: 'UPDATE plain_outbox SET published_at = now() WHERE position = ANY($1)',
        values: [positions],
      });
    }
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}
