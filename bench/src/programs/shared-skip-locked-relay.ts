import { Kafka, logLevel } from 'kafkajs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'pg';
import { countPublished, fillOutbox, outboxDatabase } from '../outbox-rows';
import { program } from '../program';
import { Progress } from '../progress';
import { publishBatch } from '../skip-locked';
import type { RelayOptions } from './relay';

const POLL_MS = 5;

/** A plain batch relay as one of several that share an outbox; whoever starts them fills it. */
program(async ({ url, broker, topic, warmUpTopic, rows, aggregates }: RelayOptions) => {
  const database = await outboxDatabase(url);
  const pool = new Pool({ connectionString: url, max: 2 });
  const producer = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  const progress = new Progress();
  let stopping = false;
  const relay = async () => {
    while (!stopping) {
      const published = await publishBatch(pool, producer);
      if (published > 0) progress.committed(published);
      else await sleep(POLL_MS);
    }
  };
  await fillOutbox(database, warmUpTopic, 2_000, aggregates);
  while ((await publishBatch(pool, producer)) > 0);
  return {
    async run() {
      progress.begin();
      progress.started();
      const running = relay();
      await progress.untilAll(() => countPublished(database, topic), rows);
      stopping = true;
      await running;
      return progress.work(rows);
    },
    async end() {
      await producer.disconnect();
      await pool.end();
      await database.close();
    },
  };
});
