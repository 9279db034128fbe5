import { OrderPlaced } from '@past-tense/contracts';
import { ProcessedEvents } from '@past-tense/dedup';
import { Consumer, KafkaProducer, type Reaction } from '@past-tense/messaging';
import { Outbox, Relay } from '@past-tense/outbox';
import { setTimeout as sleep } from 'node:timers/promises';
import { openConsumerDatabase, TTL_MS } from '../consumer-database';
import { logger } from '../outbox-rows';
import { program } from '../program';

export interface IdlePartsOptions {
  readonly url: string;
  readonly broker: string;
  readonly topic: string;
  readonly group: string;
  /** How long nothing happens, milliseconds. */
  readonly forMs: number;
}

/** A relay and a consumer in one process, as a service has them, without anything else that a service has; nothing happens. */
program(async ({ url, broker, topic, group, forMs }: IdlePartsOptions) => {
  const kafka = { brokers: [broker], clientId: 'bench', logger };
  const database = await openConsumerDatabase(url);
  const producer = new KafkaProducer(kafka);
  const relay = new Relay({ database, publish: producer.publish, logger });
  const reaction: Reaction<OrderPlaced> = { react: async () => undefined };
  const consumer = new Consumer({
    consumer: group,
    kafka,
    topics: [topic],
    reactions: new Map([[OrderPlaced as never, reaction as never]]),
    database,
    processed: new ProcessedEvents(group, TTL_MS),
    outbox: new Outbox({ producer: { name: group, version: '1.0.0' }, schemas: new Map(), committed: () => undefined }),
    concurrency: 10,
    retry: { attempts: 4, firstDelayMs: 100, maxDelayMs: 2_000 },
    logger,
    onFatal: (error) => {
      throw error;
    },
  });
  await producer.publish([]);
  relay.start();
  await consumer.start();
  await sleep(forMs / 3); // What comes with the start ends.
  return {
    async run() {
      const before = process.cpuUsage();
      await sleep(forMs);
      const { user, system } = process.cpuUsage(before);
      return { values: { percentOfCore: (user + system) / 1_000 / forMs / 0.01, megabytes: process.memoryUsage.rss() / 2 ** 20 } };
    },
    async end() {
      await consumer.stop();
      await relay.stop();
      await producer.disconnect();
      await database.close();
    },
  };
});
