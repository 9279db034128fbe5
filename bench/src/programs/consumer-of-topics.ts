import { ProcessedEvents } from '@past-tense/dedup';
import { Consumer, type Event, type Reaction } from '@past-tense/messaging';
import { Outbox } from '@past-tense/outbox';
import type { Transaction } from '@past-tense/database';
import { openConsumerDatabase, TTL_MS } from '../consumer-database';
import { countRows, insertEffect } from '../effects';
import { EVENTS } from '../many-topics';
import { logger } from '../outbox-rows';
import { program } from '../program';
import { Progress } from '../progress';

export interface ConsumerOfTopicsOptions {
  readonly url: string;
  readonly broker: string;
  readonly consumer: string;
  readonly topics: readonly string[];
  readonly events: number;
  readonly warmUp: number;
}

/** Our consumer as a service has it, with as many topics as it is told. */
program(async ({ url, broker, consumer: name, topics, events, warmUp }: ConsumerOfTopicsOptions) => {
  const database = await openConsumerDatabase(url);
  const progress = new Progress();
  const noteEffect: Reaction<never> = {
    async react({ eventId, aggregateId }: Event<never>, transaction: Transaction) {
      progress.started();
      transaction.afterCommit(() => progress.committed());
      await transaction.query(insertEffect, [eventId, aggregateId]);
    },
  };
  let fail: (error: Error) => void;
  const failed = new Promise<never>((_, reject) => (fail = reject));
  const consumer = new Consumer({
    consumer: name,
    kafka: { brokers: [broker], clientId: 'bench', logger },
    topics,
    reactions: new Map(EVENTS.map((event) => [event, noteEffect])),
    processed: new ProcessedEvents(name, TTL_MS),
    outbox: new Outbox({ producer: { name: 'bench', version: '1.0.0' }, schemas: new Map(), committed: () => undefined }),
    database,
    concurrency: 10,
    retry: { attempts: 4, firstDelayMs: 100, maxDelayMs: 2_000 },
    logger,
    onFatal: (error) => fail(error),
  });
  await consumer.start();
  return {
    async run() {
      progress.begin();
      const count = async () => (await database.query<{ rows: number }>(countRows('effects')))[0]!.rows;
      await Promise.race([progress.untilAll(count, warmUp + events), failed]);
      return progress.work(events);
    },
    async end() {
      await consumer.stop();
      await database.close();
    },
  };
});
