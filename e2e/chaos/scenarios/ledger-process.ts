// A consumer with its relay in a process of its own, whose reaction writes into a ledger and fails at random.
import { OrderCompleted, topicOf } from '@past-tense/contracts';
import { Database, type Transaction } from '@past-tense/database';
import { ProcessedEvents } from '@past-tense/dedup';
import { Consumer, KafkaProducer, RETRY_TIERS, type AnyReaction, type Event } from '@past-tense/messaging';
import { Outbox, Relay } from '@past-tense/outbox';
import { createLogger } from '@past-tense/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';

const { LEDGER_DATABASE_URL: url = '', LEDGER_BROKER: broker = '', LEDGER_CONSUMER: name = '' } = process.env;
const DAY_MS = 86_400_000;
const write = { name: 'ledger-write', text: 'INSERT INTO ledger (aggregate_id, version) VALUES ($1, $2)' };
const logger = createLogger({ service: name, version: '1', level: 'error', format: 'json' });
const database = new Database({ url, applicationName: name, entities: [], migrations: [], poolSize: 12, logger });
const kafka = { brokers: [broker], clientId: name, logger };
const producer = new KafkaProducer(kafka);
const relay = new Relay({ database, publish: producer.publish, logger, leaseMs: 1_500 });
const outbox = new Outbox({ producer: { name, version: '1' }, schemas: new Map(), committed: () => relay.wake() });
const reaction: AnyReaction<OrderCompleted> = {
  async react({ aggregateId, aggregateVersion }: Event<OrderCompleted>, transaction: Transaction) {
    await sleep(Math.random() * 4);
    const dice = Math.random();
    if (dice < 0.1) throw new Error('failed before');
    await transaction.query(write, [aggregateId, aggregateVersion]);
    if (dice < 0.2) throw new Error('failed after');
    if (dice < 0.21) throw Object.assign(new Error('somebody is away'), { failure: 'unavailable' });
  },
};
const consumer = new Consumer({
  consumer: name,
  kafka,
  topics: [topicOf(OrderCompleted).name],
  reactions: new Map([[OrderCompleted, reaction as AnyReaction<never>]]),
  processed: new ProcessedEvents(name, 120 * DAY_MS),
  database,
  outbox,
  concurrency: 8,
  retry: { attempts: 2, firstDelayMs: 5, maxDelayMs: 20 },
  tiers: RETRY_TIERS.map(({ place }, i) => ({ place, delayMs: [50, 150, 300][i]! })),
  maxStarts: 100,
  logger,
  onFatal: () => process.exit(1),
});

async function run(): Promise<void> {
  await database.connect();
  relay.start();
  await consumer.start();
  process.send?.('ready');
}

// Whoever started it is gone; nobody else would stop it.
process.on('disconnect', () => process.exit(1));
process.on('SIGTERM', () => {
  void (async () => {
    await consumer.stop();
    await relay.stop();
    process.exit(0);
  })();
});
void run();
