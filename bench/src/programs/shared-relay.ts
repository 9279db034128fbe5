import { KafkaProducer } from '@past-tense/messaging';
import { Relay } from '@past-tense/outbox';
import { countPublished, fillOutbox, logger, outboxDatabase, untilPublished } from '../outbox-rows';
import { program } from '../program';
import { Progress } from '../progress';
import type { RelayOptions } from './relay';

/** Our relay as one of several that share an outbox; whoever starts them fills it. */
program(async ({ url, broker, topic, warmUpTopic, rows, aggregates }: RelayOptions) => {
  const database = await outboxDatabase(url);
  const producer = new KafkaProducer({ brokers: [broker], clientId: 'bench', logger });
  const progress = new Progress();
  const relay = new Relay({
    database,
    logger,
    publish: async (records) => {
      progress.started();
      const positions = await producer.publish(records);
      progress.committed(records.length);
      return positions;
    },
  });
  relay.start();
  await fillOutbox(database, warmUpTopic, 2_000, aggregates);
  relay.wake();
  await untilPublished(database);
  return {
    async run() {
      progress.begin();
      await progress.untilAll(() => countPublished(database, topic), rows);
      return progress.work(rows);
    },
    async end() {
      await relay.stop();
      await producer.disconnect();
      await database.close();
    },
  };
});
