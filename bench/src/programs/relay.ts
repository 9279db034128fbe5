import { KafkaProducer } from '@past-tense/messaging';
import { Relay } from '@past-tense/outbox';
import { fillOutbox, fillWithPublished, logger, outboxDatabase, untilPublished } from '../outbox-rows';
import { program } from '../program';

export interface RelayOptions {
  readonly url: string;
  readonly broker: string;
  readonly topic: string;
  readonly warmUpTopic: string;
  readonly rows: number;
  readonly aggregates: number;
  readonly client?: 'kafkajs' | 'platformatic';
  /** Topics that the rows go to in turns, those of the warm-up too; if left out, the two above. */
  readonly topics?: readonly string[];
  /** Rows of the outbox that were published before; none, if left out. */
  readonly publishedBefore?: number;
}

const WARM_UP_ROWS = 2_000;

program(async ({ url, broker, topic, warmUpTopic, rows, aggregates, client = 'kafkajs', topics, publishedBefore = 0 }: RelayOptions) => {
  const database = await outboxDatabase(url);
  const producer = new KafkaProducer({ brokers: [broker], clientId: 'bench', client, logger });
  let published = 0;
  let told: (() => void) | undefined;
  const relay = new Relay({
    database,
    logger,
    publish: async (records) => {
      const positions = await producer.publish(records);
      published += records.length;
      if (published >= rows) told?.();
      return positions;
    },
  });
  if (publishedBefore > 0) await fillWithPublished(database, publishedBefore, aggregates);
  relay.start();
  await fillOutbox(database, topics ?? warmUpTopic, WARM_UP_ROWS, aggregates);
  relay.wake();
  await untilPublished(database);
  return {
    async run() {
      published = 0;
      const all = new Promise<void>((resolve) => (told = resolve));
      await fillOutbox(database, topics ?? topic, rows, aggregates);
      const startedAt = performance.now();
      relay.wake();
      await all;
      await untilPublished(database);
      return { events: rows, values: { perSecond: (rows * 1_000) / (performance.now() - startedAt) } };
    },
    async end() {
      await relay.stop();
      await producer.disconnect();
      await database.close();
    },
  };
});
