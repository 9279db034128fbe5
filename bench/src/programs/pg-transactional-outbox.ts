import { Kafka, logLevel } from 'kafkajs';
import { Pool } from 'pg';
import { DatabaseSetup, getDisabledLogger, initializePollingMessageListener } from 'pg-transactional-outbox';
import { memoryRecords } from '../records';
import { program } from '../program';
import { until } from '../until';
import type { RelayOptions } from './relay';

const SETUP = {
  outboxOrInbox: 'outbox' as const,
  database: '',
  schema: 'public',
  table: 'library_outbox',
  listenerRole: 'postgres',
  nextMessagesName: 'next_library_outbox_messages',
};
// Of 20 to 500 the best; with more, its own polling takes locks that its handlers then cannot get.
const BATCH = 100;
const CONNECTIONS = 16;

interface Waiting {
  readonly message: { readonly key: string; readonly value: Buffer; readonly headers: Record<string, string> };
  readonly topic: string;
  readonly sent: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * The library as it is meant to be used, with its own table, function and indexes, and what its settings can do for speed: messages that may be
 * handled in parallel (so not in order), batches of 100, no protection against messages that kill the process. It hands over one message at a time;
 * those that it has handed over at once are sent with one request.
 */
program(async ({ url, broker, topic, warmUpTopic, rows, aggregates }: RelayOptions) => {
  const pool = new Pool({ connectionString: url, max: 2 });
  await pool.query(DatabaseSetup.dropAndCreateTable(SETUP));
  await pool.query(DatabaseSetup.createPollingFunction(SETUP));
  await pool.query(DatabaseSetup.setupPollingIndexes(SETUP));
  const producer = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING }).producer();
  await producer.connect();

  let waiting: Waiting[] = [];
  const flush = () => {
    const batch = waiting;
    waiting = [];
    const topics = new Set(batch.map((one) => one.topic));
    const topicMessages = [...topics].map((to) => ({
      topic: to,
      messages: batch.filter((one) => one.topic === to).map(({ message }) => message),
    }));
    producer.sendBatch({ acks: -1, topicMessages }).then(
      () => batch.forEach(({ sent }) => sent()),
      (error: unknown) => batch.forEach(({ failed }) => failed(error)),
    );
  };
  const [shutDown] = initializePollingMessageListener(
    {
      outboxOrInbox: 'outbox',
      dbListenerConfig: { connectionString: url },
      dbHandlerConfig: Object.assign({ connectionString: url }, { max: CONNECTIONS }),
      settings: {
        dbSchema: SETUP.schema,
        dbTable: SETUP.table,
        nextMessagesFunctionName: SETUP.nextMessagesName,
        nextMessagesBatchSize: BATCH,
        nextMessagesPollingIntervalInMs: 20,
        nextMessagesLockInMs: 2_000,
        enableMaxAttemptsProtection: false,
        enablePoisonousMessageProtection: false,
      },
    },
    {
      handle: async ({ aggregateId: key, payload, metadata }) => {
        const { topic: to, ...headers } = metadata as Record<string, string>;
        const message = { key, value: Buffer.from(payload as string, 'base64'), headers };
        await new Promise<void>((resolve, reject) => {
          if (waiting.push({ message, topic: to!, sent: resolve, failed: reject }) === 1) setImmediate(flush);
        });
      },
    },
    getDisabledLogger(),
    // By itself it asks for one message at a time until it has asked as often as a batch is large.
    { batchSizeStrategy: async () => BATCH },
  );
  await fill(pool, warmUpTopic, 500, aggregates);
  await untilDone(pool);
  return {
    async run() {
      await fill(pool, topic, rows, aggregates);
      const startedAt = performance.now();
      await untilDone(pool);
      return { events: rows, values: { perSecond: (rows * 1_000) / (performance.now() - startedAt) } };
    },
    async end() {
      await shutDown();
      await producer.disconnect();
      await pool.end();
    },
  };
});

/** Puts messages into its table, with the headers that our rows come to. */
async function fill(pool: Pool, topic: string, count: number, aggregates: number): Promise<void> {
  const records = memoryRecords(count, aggregates).map(({ key, value, headers }) => ({
    key,
    payload: value.toString('base64'),
    metadata: { ...headers, topic },
  }));
  await pool.query(
    `INSERT INTO ${SETUP.table} (id, aggregate_type, aggregate_id, message_type, concurrency, payload, metadata)
     SELECT gen_random_uuid(), 'order', record->>'key', 'order.v1.OrderPlaced', 'parallel', record->'payload', record->'metadata'
     FROM jsonb_array_elements($1::jsonb) AS record`,
    [JSON.stringify(records)],
  );
}

async function untilDone(pool: Pool): Promise<void> {
  const text = `SELECT count(*)::int AS rows FROM ${SETUP.table} WHERE processed_at IS NULL`;
  await until('everything is published', async () => (await pool.query<{ rows: number }>({ name: 'left', text })).rows[0]!.rows === 0, 5);
}
