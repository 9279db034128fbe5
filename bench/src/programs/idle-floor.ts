import { newId } from '@past-tense/envelope';
import { Kafka, logLevel } from 'kafkajs';
import { Client } from 'pg';
import { insertEffect } from '../effects';
import { everyNowAndThen, type IdleOptions } from '../idle';
import { aPlacing, ORDER_TABLES } from '../orders';
import { memoryRecords } from '../records';
import { program } from '../program';

/** The limit: nothing is read back from the outbox or from Kafka, one thing follows the other in one process. */
program(async ({ url, consumerUrl, broker, topic, commits }: IdleOptions) => {
  const [database, effects] = [new Client({ connectionString: url }), new Client({ connectionString: consumerUrl })];
  const producer = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING }).producer();
  await Promise.all([database.connect(), effects.connect(), producer.connect()]);
  await database.query(ORDER_TABLES);

  // One at a time, on one connection each; waiting for the one before is not part of the figure.
  let last: Promise<unknown> = Promise.resolve();
  const place = async () => {
    const [{ orderId, inserts }, [message]] = [aPlacing(), memoryRecords(1, 1)];
    await database.query('BEGIN');
    for (const [statement, values] of inserts) await database.query({ ...statement, values: [...values] });
    const startedAt = performance.now();
    await database.query('COMMIT');
    await producer.send({ topic, acks: -1, messages: [{ ...message!, key: orderId }] });
    await effects.query('BEGIN');
    await effects.query({ ...insertEffect, values: [newId(), orderId] });
    await effects.query('COMMIT');
    return performance.now() - startedAt;
  };
  return {
    ...(await everyNowAndThen(commits, () => {
      const placed = last.then(place);
      last = placed;
      return placed;
    })),
    async end() {
      await producer.disconnect();
      await Promise.all([database.end(), effects.end()]);
    },
  };
});
