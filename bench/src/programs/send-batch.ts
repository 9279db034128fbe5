import { Kafka, logLevel } from 'kafkajs';
import { program } from '../program';
import { memoryRecords } from '../records';
import type { RelayOptions } from './relay';

const BATCH = 500;

/** The limit: kafkajs as it is, sending from memory, no database. */
program(async ({ broker, topic, warmUpTopic, rows, aggregates }: RelayOptions) => {
  const producer = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  const send = async (to: string, count: number) => {
    const records = memoryRecords(count, aggregates);
    const startedAt = performance.now();
    for (let i = 0; i < count; i += BATCH)
      await producer.sendBatch({ acks: -1, topicMessages: [{ topic: to, messages: records.slice(i, i + BATCH) }] });
    return performance.now() - startedAt;
  };
  await send(warmUpTopic, 2_000);
  return {
    run: async () => ({ events: rows, values: { perSecond: (rows * 1_000) / (await send(topic, rows)) } }),
    end: () => producer.disconnect(),
  };
});
