import { Kafka, logLevel } from 'kafkajs';
import { Pool } from 'pg';
import { fillOutbox, outboxDatabase } from '../outbox-rows';
import { program } from '../program';
import { publishBatch } from '../skip-locked';
import type { RelayOptions } from './relay';

/** A plain batch relay. */
program(async ({ url, broker, topic, warmUpTopic, rows, aggregates }: RelayOptions) => {
  const database = await outboxDatabase(url);
  const pool = new Pool({ connectionString: url, max: 2 });
  const producer = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  await fillOutbox(database, warmUpTopic, 2_000, aggregates);
  while ((await publishBatch(pool, producer)) > 0);
  return {
    async run() {
      await fillOutbox(database, topic, rows, aggregates);
      const startedAt = performance.now();
      while ((await publishBatch(pool, producer)) > 0);
      return { events: rows, values: { perSecond: (rows * 1_000) / (performance.now() - startedAt) } };
    },
    async end() {
      await producer.disconnect();
      await pool.end();
      await database.close();
    },
  };
});
