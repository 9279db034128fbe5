import { fact, OrderCompleted, topicOf, type Fact } from '@past-tense/contracts';
import { Database, type Transaction } from '@past-tense/database';
import { DEDUP_MIGRATIONS, maintainPartitions, ProcessedEvents } from '@past-tense/dedup';
import { newId } from '@past-tense/envelope';
import { OUTBOX_MIGRATIONS, Outbox, Relay } from '@past-tense/outbox';
import { createLogger, type Logger } from '@past-tense/telemetry';
import { aRecord, eventually, kafkaBrokers, testDatabase, uniqueName, type RecordOverrides } from '@past-tense/testing';
import { Kafka, logLevel } from 'kafkajs';
import {
  applyTopics,
  Consumer,
  MESSAGING_MIGRATIONS,
  deadLetterTopic,
  KafkaProducer,
  offsetsOf,
  ownTopics,
  readTopic,
  RETRY_TIERS,
  type AnyReaction,
  type ConsumerOptions,
  type Event,
  type KafkaOptions,
} from '../src/index';
import { OWN_TOPIC_MAX_BYTES } from '../src/queues';

export const DAY_MS = 86_400_000;
export const topic = topicOf(OrderCompleted);

/** What the consumers under test have logged. */
export const said: { level: number; msg: string; [field: string]: unknown }[] = [];
const logger = createLogger({ service: 'test', version: '1', level: 'info', format: 'json' });
export const listening: Logger = new Proxy(logger, {
  get: (target, name) => {
    if (name === 'child') return () => listening;
    const level = { info: 30, warn: 40, error: 50 }[name as string];
    return level === undefined
      ? (Reflect.get(target, name) as unknown)
      : (fields: object, msg: string) => void said.push({ level, msg, ...fields });
  },
});

export let kafka: KafkaOptions;
export let plain: Kafka;
export let database: Database;
export let databaseUrl: string;
export let outbox: Outbox;
export let producer: KafkaProducer;
export const consumers: Consumer[] = [];
let relay: Relay;

/** Gives the suite that calls it a database with a relay, a producer, and a table for effects. */
export function useConsumers(): void {
  beforeAll(async () => {
    // The suites of consumers pass with either client; kafkajs is the one they run with.
    const client = process.env['PAST_TENSE_TEST_KAFKA_CLIENT'] as KafkaOptions['client'];
    kafka = { brokers: kafkaBrokers(), clientId: 'test', logger: listening, ...(client && { client }) };
    plain = new Kafka({ brokers: kafkaBrokers(), logLevel: logLevel.NOTHING });
    producer = new KafkaProducer(kafka);
    await applyTopics(kafka, [topic], 1);
    databaseUrl = await testDatabase();
    database = new Database({
      url: databaseUrl,
      applicationName: 'test',
      entities: [],
      migrations: [...OUTBOX_MIGRATIONS, ...DEDUP_MIGRATIONS, ...MESSAGING_MIGRATIONS],
      logger: listening,
    });
    await database.connect();
    await database.migrate();
    await maintainPartitions(database, 120 * DAY_MS);
    await database.query({
      name: 'effects',
      text: 'CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, consumer text, order_id text, version int)',
    });
    relay = new Relay({ database, publish: producer.publish, logger: listening });
    relay.start();
    outbox = new Outbox({ producer: { name: 'test', version: '1' }, schemas: new Map(), committed: (what) => relay.wake(what) });
  });
  afterAll(async () => {
    await relay.stop();
    await producer.disconnect();
    await database.close();
  });
  beforeEach(() => said.splice(0));
  afterEach(async () => {
    await Promise.all(consumers.splice(0).map((consumer) => consumer.stop()));
  });
}

/** A consumer name nobody has used, its topics, and an empty source topic for it. */
export async function newName(): Promise<string> {
  const name = uniqueName('consumer');
  const admin = plain.admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic.name] });
  // As long as the broker still shows the old one, it is taken for the new one.
  await eventually(async () => expect(await admin.listTopics()).not.toContain(topic.name));
  await admin.disconnect();
  const own = ownTopics(name).map((of) => ({
    name: of,
    partitions: 3,
    retentionMs: DAY_MS,
    cleanup: 'delete' as const,
    maxMessageBytes: OWN_TOPIC_MAX_BYTES,
  }));
  await eventually(() => applyTopics(kafka, [topic, ...own], 1)); // A topic of that name may still be going.
  // The leader of a partition that was made a moment ago may not know yet that it leads. It would refuse one of several messages, and then all of
  // them are sent again.
  await eventually(() => offsetsOf(kafka, [topic.name, ...own.map((of) => of.name)]));
  return name;
}

/** Topics of other events that hold nothing. They are not deleted and made again, which clients that know them do not take. */
export async function emptyTopics(...names: string[]): Promise<void> {
  await applyTopics(
    kafka,
    names.map((name) => ({ name, partitions: 3, retentionMs: DAY_MS, cleanup: 'delete' as const })),
    1,
  );
  const admin = plain.admin();
  await admin.connect();
  for (const of of names) {
    // The leader of a partition that was made a moment ago may not know yet that it leads.
    const full = await eventually(async () => (await admin.fetchTopicOffsets(of)).filter(({ high, low }) => high !== low));
    const partitions = full.map(({ partition, high }) => ({ partition, offset: high }));
    if (partitions.length > 0) await admin.deleteTopicRecords({ topic: of, partitions });
  }
  await admin.disconnect();
}

/** Delays of the retry tiers that a test can wait for. */
export function tiers(...delaysMs: [number, number, number]): ConsumerOptions['tiers'] {
  return RETRY_TIERS.map(({ place }, i) => ({ place, delayMs: delaysMs[i]! }));
}

export async function start(name: string, reaction: AnyReaction<OrderCompleted>, change: Partial<ConsumerOptions> = {}): Promise<Consumer> {
  const consumer = new Consumer({
    consumer: name,
    kafka,
    topics: [topic.name],
    reactions: new Map([[OrderCompleted, reaction as AnyReaction<never>]]),
    processed: new ProcessedEvents(name, 120 * DAY_MS),
    database,
    outbox,
    concurrency: 5,
    retry: { attempts: 3, firstDelayMs: 5, maxDelayMs: 20 },
    tiers: tiers(50, 100, 150),
    logger: listening,
    onFatal: (error) => {
      throw error;
    },
    ...change,
  });
  consumers.push(consumer);
  await consumer.start();
  return consumer;
}

export const completed = (orderId: string): Fact => fact(OrderCompleted, { orderId });
export const record = (orderId: string, overrides: RecordOverrides = {}) => aRecord(completed(orderId), overrides);
export const newIds = (count: number) => Array.from({ length: count }, () => newId());
export const effect = { name: 'effect', text: 'INSERT INTO effects (consumer, order_id, version) VALUES ($1, $2, $3)' };

/** The effects a consumer has had, in the order in which they were committed. */
export async function effects(name: string): Promise<{ order_id: string; version: number }[]> {
  return await database.query<{ order_id: string; version: number }>(
    { name: 'all-effects', text: 'SELECT order_id, version FROM effects WHERE consumer = $1 ORDER BY id' },
    [name],
  );
}

/** A reaction with an effect to look at. */
export function keeping(name: string, before: (event: Event<OrderCompleted>) => unknown = () => undefined): AnyReaction<OrderCompleted> {
  return {
    async react(event: Event<OrderCompleted>, transaction: Transaction) {
      await before(event);
      await transaction.query(effect, [name, event.data.orderId, event.aggregateVersion]);
    },
  };
}

export const deadLetters = (name: string) => readTopic(kafka, deadLetterTopic(name));

export interface HeldRow {
  readonly id: string;
  readonly aggregate_id: string | null;
  readonly version: string;
  readonly place: string;
  readonly reason: string;
  readonly attempts: number;
}

/** What a consumer holds, by aggregate and version. */
export async function heldBy(name: string): Promise<HeldRow[]> {
  return await database.query<HeldRow>(
    {
      name: 'all-held',
      text: 'SELECT id, aggregate_id, version, place, reason, attempts FROM held_events WHERE consumer = $1 ORDER BY aggregate_id, version',
    },
    [name],
  );
}

/** Committed offsets by partition of the source topic; 0 where nothing was committed. */
export async function committedOffsets(name: string): Promise<Map<number, number>> {
  const admin = plain.admin();
  await admin.connect();
  const [offsets] = await admin.fetchOffsets({ groupId: name, topics: [topic.name] });
  await admin.disconnect();
  return new Map(offsets!.partitions.map(({ partition, offset }) => [partition, Math.max(0, Number(offset))]));
}

/** Events on the source topic that a consumer has not committed. */
export async function lag(name: string): Promise<number> {
  const admin = plain.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic.name);
  await admin.disconnect();
  const committed = await committedOffsets(name);
  return ends.reduce((sum, { partition, high }) => sum + Number(high) - committed.get(partition)!, 0);
}
