import { Kafka, logLevel, type KafkaMessage } from 'kafkajs';
import { randomUUID } from 'node:crypto';

/** What tells an event's place among those of its aggregate. */
export interface Placed {
  readonly aggregateId: string;
  readonly eventId: string;
  readonly version: number;
}

/**
 * Events that came after a later one of their aggregate. One that came again does not count: what is published at least once may.
 * @param events in the order in which a consumer gets those of an aggregate
 */
export function outOfOrder(events: Iterable<Placed>): number {
  const seen = new Set<string>();
  const latest = new Map<string, number>();
  let wrong = 0;
  for (const { aggregateId, eventId, version } of events) {
    if (seen.has(eventId)) continue;
    seen.add(eventId);
    if (version < (latest.get(aggregateId) ?? 0)) wrong += 1;
    else latest.set(aggregateId, version);
  }
  return wrong;
}

/**
 * Reads a topic from its beginning, with kafkajs as it is.
 * @param messages how many are on it
 */
export async function readBack(broker: string, topic: string, messages: number): Promise<Placed[]> {
  const consumer = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING }).consumer({ groupId: `bench-read-${randomUUID()}` });
  const read: Placed[] = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      const running = consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          read.push(...batch.messages.map(placedOf));
          if (read.length >= messages) resolve();
        },
      });
      running.catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return read;
}

/** The plain relay names its headers after its columns. */
function placedOf({ key, headers = {} }: KafkaMessage): Placed {
  return {
    aggregateId: String(key),
    eventId: String(headers['ce_id']),
    version: Number(headers['ce_sequence'] ?? headers['ce_aggregate_version']),
  };
}
