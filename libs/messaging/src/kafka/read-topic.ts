import type { KafkaHeaders } from '@past-tense/envelope';
import { randomUUID } from 'node:crypto';
import type { Admin, Kafka } from 'kafkajs';
import type { KafkaOptions } from './client';
import { kafkaClient } from './kafkajs/client';

/** A message as it lies on its topic. */
export interface StoredMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  /** When it was published, by the clock of whoever did: milliseconds since 1970. */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: KafkaHeaders;
}

/**
 * Reads everything that is on a topic now, in order per partition, without leaving a trace: no offset is committed and the
 * group it needs for reading is deleted again.
 * @returns what `each` made of every message
 */
export async function readTopic<T = StoredMessage>(
  options: KafkaOptions,
  topic: string,
  each: (message: StoredMessage) => T = (message) => message as T,
): Promise<T[]> {
  const kafka = kafkaClient(options);
  const admin = kafka.admin();
  await admin.connect();
  try {
    const ends = await endsOf(admin, topic);
    if (ends.size === 0) return [];
    const group = `read-${randomUUID()}`;
    const read = await readUntil(kafka, group, topic, ends, each);
    await admin.deleteGroups([group]).catch(() => undefined); // An empty group goes by itself after a while.
    return read;
  } finally {
    await admin.disconnect();
  }
}

/** The last offset of each partition that holds anything. */
async function endsOf(admin: Admin, topic: string): Promise<Map<number, bigint>> {
  const partitions = await admin.fetchTopicOffsets(topic);
  return new Map(
    partitions.filter(({ low, high }) => BigInt(high) > BigInt(low)).map(({ partition, high }) => [partition, BigInt(high) - 1n]),
  );
}

async function readUntil<T>(
  kafka: Kafka,
  groupId: string,
  topic: string,
  ends: Map<number, bigint>,
  each: (message: StoredMessage) => T,
): Promise<T[]> {
  const read: T[] = [];
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100, allowAutoTopicCreation: false });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  try {
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || reject(payload.error));
      consumer
        .run({
          autoCommit: false,
          eachBatch: async ({ batch: { partition, messages } }) => {
            for (const { offset, timestamp, key, value, headers } of messages) {
              const end = ends.get(partition);
              if (end === undefined || BigInt(offset) > end) break;
              read.push(each({ topic, partition, offset, timestampMs: Number(timestamp), key, value, headers: headers ?? {} }));
              if (BigInt(offset) === end) ends.delete(partition);
            }
            if (ends.size === 0) resolve();
          },
        })
        .catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return read;
}
