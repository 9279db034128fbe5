import { OrderPlaced } from '@past-tense/contracts';
import { ProcessedEvents } from '@past-tense/dedup';
import { Consumer, KafkaProducer, type Reaction } from '@past-tense/messaging';
import { Outbox, Relay } from '@past-tense/outbox';
import { inFlow } from '@past-tense/telemetry';
import { openConsumerDatabase } from '../consumer-database';
import { insertEffect } from '../effects';
import { everyNowAndThen, type IdleOptions } from '../idle';
import { aPlacing, ORDER_SCHEMAS, ORDER_TABLES, orderPlaced } from '../orders';
import { logger, outboxDatabase } from '../outbox-rows';
import { personalDataIn } from '../personal';
import { program } from '../program';

const DAY_MS = 86_400_000;

/** Relay, producer and consumer in one process, as a service has them; each side with a database of its own. */
program(async ({ url, consumerUrl, broker, topic, group, commits }: IdleOptions) => {
  const kafka = { brokers: [broker], clientId: 'bench', logger };
  const database = await outboxDatabase(url);
  await database.query({ name: '', text: ORDER_TABLES });
  const effects = await openConsumerDatabase(consumerUrl);
  const producer = new KafkaProducer(kafka);
  const { personal, close: closeKeys } = await personalDataIn(url, { sealing: 'plain' });
  const relay = new Relay({ database, publish: producer.publish, logger });
  const outbox = new Outbox({
    producer: { name: 'orders', version: '1.0.0' },
    schemas: ORDER_SCHEMAS,
    personal,
    committed: (what) => relay.wake(what),
  });
  const arrived = new Map<string, () => void>();
  const reaction: Reaction<OrderPlaced> = {
    async react({ eventId, data }, transaction) {
      transaction.afterCommit(() => arrived.get(eventId)?.());
      await transaction.defer(insertEffect, [eventId, data.orderId]);
    },
  };
  const consumer = new Consumer({
    consumer: group,
    kafka,
    topics: [topic],
    reactions: new Map([[OrderPlaced as never, reaction as never]]),
    database: effects,
    processed: new ProcessedEvents(group, 30 * DAY_MS),
    outbox: new Outbox({ producer: { name: group, version: '1.0.0' }, schemas: new Map(), committed: () => undefined }),
    concurrency: 10,
    retry: { attempts: 4, firstDelayMs: 100, maxDelayMs: 2_000 },
    logger,
    onFatal: (error) => {
      throw error;
    },
  });
  relay.start();
  await consumer.start();

  const place = async () => {
    const { orderId, correlationId, placedAt, inserts } = aPlacing();
    let committedMs = 0;
    let done: () => void;
    const effectsThere = new Promise<void>((resolve) => (done = resolve));
    await inFlow({ correlationId, causationId: correlationId }, () =>
      database.transaction(async (transaction) => {
        for (const [statement, values] of inserts) await transaction.query(statement, values);
        arrived.set(await outbox.append(transaction, orderPlaced(orderId), 1, placedAt), () => done());
        committedMs = performance.now();
      }),
    );
    await effectsThere;
    return performance.now() - committedMs;
  };
  return {
    ...(await everyNowAndThen(commits, place)),
    async end() {
      await consumer.stop();
      await relay.stop();
      await producer.disconnect();
      await Promise.all([database.close(), effects.close(), closeKeys()]);
    },
  };
});
