import { eventually, kafkaBrokers, uniqueName } from '@past-tense/testing';
import { Kafka, logLevel, type Consumer, type Producer, type RequestEvent } from 'kafkajs';
import { createRequire } from 'node:module';
import '../src/kafka/kafkajs-patch';
import { FetchSession } from '../src/kafka/kafkajs-fetch-sessions';

// What the broker says to a consumer that fetches in sessions. What consumers do with it is tested where they are.

const PARTITIONS = 48;
const load = createRequire(__filename);
let kafka: Kafka;
let producer: Producer;
let consumer: Consumer;
let topic: string;
let fetches: RequestEvent['payload'][] = [];
let seen: string[] = [];

beforeAll(async () => {
  kafka = new Kafka({ brokers: kafkaBrokers(), logLevel: logLevel.NOTHING });
  producer = kafka.producer();
  await producer.connect();
});
afterAll(() => producer.disconnect());
beforeEach(async () => {
  topic = uniqueName('topic');
  fetches = [];
  seen = [];
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] });
  await eventually(() => admin.fetchTopicOffsets(topic));
  await admin.disconnect();
  consumer = kafka.consumer({ groupId: uniqueName('group'), maxWaitTimeInMs: 100 });
  consumer.on('consumer.network.request', ({ payload }) => {
    if (payload.apiName === 'Fetch') fetches.push(payload);
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => void seen.push(String(message.value)) });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await consumer.disconnect();
});

const publish = (value: string, partition: number) => producer.send({ topic, messages: [{ value, partition }] });

/** Ends a session on the broker, as it does by itself when it needs the room. */
async function endOnBroker(sessionId: number): Promise<void> {
  const { requests } = load('kafkajs/src/protocol/requests') as { requests: { Fetch: unknown } };
  const createCluster = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === 'private:Kafka:createCluster')!;
  const cluster = (kafka as unknown as Record<symbol, (options: object) => Cluster>)[createCluster]!({});
  await cluster.connect();
  await cluster.refreshMetadata();
  const broker = await cluster.findControllerBroker();
  const request = broker.lookupRequest(
    1,
    requests.Fetch,
  )({ sessionId, sessionEpoch: -1, maxWaitTime: 0, minBytes: 0, maxBytes: 1, topics: [] });
  await broker.connectionPool.send(request);
  await cluster.disconnect();
}

interface Cluster {
  connect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  disconnect(): Promise<void>;
  findControllerBroker(): Promise<{
    lookupRequest(apiKey: number, definition: unknown): (options: object) => object;
    readonly connectionPool: { send(request: object): Promise<unknown> };
  }>;
}

it('an idle consumer is told nothing about partitions that have not changed, and gets what comes to any of them', async () => {
  await eventually(() => expect(fetches.length).toBeGreaterThan(3));
  // Each partition alone would take more than this.
  expect(fetches.at(-1)!.size).toBeLessThan(40);
  expect(fetches[0]!.size).toBeGreaterThan(PARTITIONS * 20);

  for (let partition = 0; partition < PARTITIONS; partition += 1) await publish(`first ${partition}`, partition);
  await eventually(() => expect(seen).toHaveLength(PARTITIONS));
  await publish('second', 7);
  await eventually(() => expect(seen).toHaveLength(PARTITIONS + 1));
});

it('what is paused is not fetched, and what is resumed goes on where it was', async () => {
  await publish('before', 3);
  await eventually(() => expect(seen).toEqual(['before']));
  consumer.pause([{ topic, partitions: [3] }]);
  await publish('while paused', 3);
  await publish('elsewhere', 4);
  await eventually(() => expect(seen).toEqual(['before', 'elsewhere']));
  consumer.resume([{ topic, partitions: [3] }]);
  await eventually(() => expect(seen).toEqual(['before', 'elsewhere', 'while paused']));
  consumer.seek({ topic, partition: 3, offset: '0' });
  await eventually(() => expect(seen).toEqual(['before', 'elsewhere', 'while paused', 'before', 'while paused']));
});

it('a session that the broker has ended is followed by another, and nothing is missed or seen twice', async () => {
  const answered = jest.spyOn(FetchSession.prototype, 'answered');
  const sessionId = await eventually(() => {
    const [last] = answered.mock.calls.at(-1) ?? [];
    expect(last).toBeGreaterThan(0);
    return last!;
  });
  const values = Array.from({ length: 20 }, (_, i) => String(i));
  for (const value of values.slice(0, 10)) await publish(value, Number(value));
  await endOnBroker(sessionId);
  for (const value of values.slice(10)) await publish(value, Number(value));

  await eventually(() => expect([...seen].sort()).toEqual([...values].sort()));
  await eventually(() => expect(answered.mock.calls.at(-1)![0]).not.toBe(sessionId));
});
