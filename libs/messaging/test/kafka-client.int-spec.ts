import { ConnectionPool, leaveGroupV4, parseBroker } from '@platformatic/kafka';
import { createLogger } from '@past-tense/telemetry';
import { eventually, freePort, isolatedKafka, kafkaBrokers, uniqueName } from '@past-tense/testing';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { applyTopics, KafkaProducer, offsetsOf, readTopic, type KafkaOptions, type TopicSpec } from '../src/index';
import { kafkaSource } from '../src/kafka/clients';
import type { Batch, KafkaSource, SourceOptions } from '../src/kafka/source';

// What a producer and a source promise, with each client. Whatever a client does otherwise, the rest of the system does not know.

const CLIENTS = ['kafkajs', 'platformatic'] as const;
type Client = (typeof CLIENTS)[number];

const DAY_MS = 86_400_000;
const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });
const kafka: KafkaOptions = { brokers: [], clientId: 'test', logger };
let admin: Admin;
const sources: KafkaSource[] = [];
const producers: KafkaProducer[] = [];

/** It takes its time, and comes up beside the tests before it is needed. */
let isolating: ReturnType<typeof isolatedKafka>;

beforeAll(async () => {
  isolating = isolatedKafka({ authorizer: { users: { user: 'u-secret' }, superUsers: ['user'] } });
  Object.assign(kafka, { brokers: kafkaBrokers() });
  admin = new Kafka({ brokers: kafkaBrokers(), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
});
afterEach(async () => {
  await Promise.all(sources.splice(0).map((source) => source.stop()));
  await Promise.all(producers.splice(0).map((producer) => producer.disconnect()));
});
afterAll(async () => {
  await admin.disconnect();
  await (await isolating).end();
});

/** A new topic whose leaders know that they lead. */
async function newTopic(partitions: number, change: Partial<TopicSpec> = {}, options = kafka): Promise<string> {
  const name = change.name ?? uniqueName('topic');
  const spec = { name, partitions, retentionMs: DAY_MS, cleanup: 'delete' as const, ...change };
  await eventually(() => applyTopics(options, [spec], 1)); // A topic of that name may still be going.
  await eventually(() => offsetsOf(options, [name]));
  return name;
}

function newProducer(client: Client, options = kafka): KafkaProducer {
  const producer = new KafkaProducer({ ...options, client });
  producers.push(producer);
  return producer;
}

const message = (topic: string, key: string | null, value: string | null) => ({
  topic,
  key,
  value: value === null ? null : Buffer.from(value),
  headers: {},
});
const numbered = (topic: string, count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => message(topic, `key-${(from + i) % 7}`, String(from + i)));

/** A member of a group that notes what it is told. */
class Member {
  readonly source: KafkaSource;
  readonly told: string[] = [];
  readonly batches: Batch[] = [];
  readonly fatal: Error[] = [];
  readonly lost: [string, number][] = [];

  constructor(client: Client, group: string, topics: string[], change: Partial<SourceOptions> = {}) {
    this.source = kafkaSource({
      ...kafka,
      client,
      group,
      topics,
      sessionTimeoutMs: 10_000,
      onBatch: (batch) => this.batches.push(batch),
      onRevoked: () => this.told.push('revoked'),
      onAssigned: () => this.told.push('assigned'),
      onLost: (topic, events) => this.lost.push([topic, events]),
      onFatal: (error) => this.fatal.push(error),
      ...change,
    });
    sources.push(this.source);
  }

  get values(): string[] {
    return this.batches.flatMap(({ messages }) => messages.map(({ value }) => String(value)));
  }

  owned(topic: string, partitions: number): number[] {
    return Array.from({ length: partitions }, (_, i) => i).filter((partition) => this.source.owns(topic, partition));
  }
}

async function started(...given: ConstructorParameters<typeof Member>): Promise<Member> {
  const member = new Member(...given);
  await member.source.start();
  return member;
}

async function committed(group: string, topic: string, of = admin): Promise<string[]> {
  const [offsets] = await of.fetchOffsets({ groupId: group, topics: [topic] });
  return offsets!.partitions.sort((a, b) => a.partition - b.partition).map(({ offset }) => offset);
}

/** Leaves a group in the name of its only member, which does not know. */
async function expel(group: string): Promise<void> {
  const { memberId } = (await admin.describeGroups([group])).groups[0]!.members[0]!;
  const pool = new ConnectionPool('test');
  await leaveGroupV4.api.async(await pool.get(parseBroker(kafkaBrokers()[0]!)), group, [{ memberId }]);
  await pool.close();
}

describe.each(CLIENTS)('a producer with %s', (client) => {
  it('sends in order per key, and says where each record is', async () => {
    const [one, other] = [await newTopic(3), await newTopic(2)];
    const producer = newProducer(client);
    const records = numbered(one, 200).flatMap((record, i) => [record, message(other, record.key, `other-${i}`)]);
    const first = await producer.publish(records);
    const second = await producer.publish(numbered(one, 10, 200));

    const stored = new Map<string, { key: string; value: string }>();
    for (const topic of [one, other])
      for (const { partition, offset, key, value } of await readTopic(kafka, topic))
        stored.set(`${topic}/${partition}/${offset}`, { key: String(key), value: String(value) });
    const sent = [...records, ...numbered(one, 10, 200)];
    const places = [...first, ...second].map(({ partition, offset }, i) => `${sent[i]!.topic}/${partition}/${offset}`);
    expect(stored.size).toBe(410);
    expect(places.map((place) => stored.get(place))).toEqual(sent.map(({ key, value }) => ({ key, value: String(value) })));
  });

  it('sends keys, values, headers and times as they are, byte for byte', async () => {
    const topic = await newTopic(1);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const headers = {
      one: 'é',
      bytes,
      empty: '',
      several: ['1', bytes, '3'],
      constructor: 'x',
      toString: ['4', bytes],
      'with space': Buffer.alloc(0),
    };
    await newProducer(client).publish([
      { topic, key: bytes, value: bytes, headers, timestampMs: 1_500_000_000_123 },
      { topic, key: null, value: null, headers: {} },
      { topic, key: '', value: Buffer.alloc(0), headers: { several: ['only'] } },
    ]);

    const [first, second, third] = await readTopic(kafka, topic);
    expect(first).toMatchObject({ key: bytes, value: bytes, timestampMs: 1_500_000_000_123 });
    expect(second).toMatchObject({ key: null, value: null, headers: {} });
    expect(Math.abs(Date.now() - second!.timestampMs)).toBeLessThan(60_000);
    expect(third).toMatchObject({ key: Buffer.alloc(0), value: Buffer.alloc(0), headers: { several: Buffer.from('only') } });

    const reader = await started(client, uniqueName('group'), [topic]);
    await eventually(() => expect(reader.values).toHaveLength(3));
    const [received, nothing] = reader.batches.flatMap(({ messages }) => messages);
    expect(received).toEqual({
      offset: '0',
      key: bytes,
      value: bytes,
      headers: {
        one: Buffer.from('é'),
        bytes,
        empty: Buffer.alloc(0),
        several: [Buffer.from('1'), bytes, Buffer.from('3')],
        constructor: Buffer.from('x'),
        toString: [Buffer.from('4'), bytes],
        'with space': Buffer.alloc(0),
      },
    });
    expect(nothing).toMatchObject({ key: null, value: null, headers: {} });
  });

  it('tells what Kafka refuses for good from what may be tried again', async () => {
    const topic = await newTopic(1, { maxMessageBytes: 2_000 });
    const producer = newProducer(client);
    const refused = expect.objectContaining({ name: 'RecordRejectedError' }) as Error;

    await expect(producer.publish([message(topic, 'k', 'x'.repeat(5_000))])).rejects.toThrow(refused);
    await expect(producer.publish([message(uniqueName('unknown'), 'k', 'v')])).rejects.toThrow(refused);
    await producer.publish([message(topic, 'k', 'fits')]);
    expect((await readTopic(kafka, topic)).map(({ value }) => String(value))).toEqual(['fits']);

    const nowhere = newProducer(client, { ...kafka, brokers: [`127.0.0.1:${await freePort()}`] });
    const error: unknown = await nowhere.publish([message(topic, 'k', 'v')]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).name).not.toBe('RecordRejectedError');
  });

  it('goes on after a topic was deleted, also with a topic of the same name that has fewer partitions', async () => {
    const [deleted, other] = [await newTopic(6), await newTopic(1)];
    const producer = newProducer(client);
    await producer.publish(numbered(deleted, 20));
    await admin.deleteTopics({ topics: [deleted] });
    await eventually(async () => expect(await admin.listTopics()).not.toContain(deleted));

    await producer.publish([message(other, 'k', 'v')]);
    await newTopic(1, { name: deleted });
    const positions = await eventually(() => producer.publish(numbered(deleted, 20)));
    expect(new Set(positions.map(({ partition }) => partition))).toEqual(new Set([0]));
    expect(await readTopic(kafka, other)).toHaveLength(1);
  });
});

it('both clients put 1,000 keys on the same partitions, and records without a key on all of them', async () => {
  const topic = await newTopic(12);
  const records = Array.from({ length: 1_000 }, (_, i) => message(topic, `${i % 3 ? '' : 'schlüssel-'}${(i * 7_919).toString(36)}`, 'v'));
  const placed = await Promise.all(CLIENTS.map((client) => newProducer(client).publish(records)));

  const [first, second] = placed.map((positions) => positions.map(({ partition }) => partition));
  expect(first).toEqual(second);
  expect(new Set(first).size).toBe(12);
  for (const client of CLIENTS) {
    const keyless = await newProducer(client).publish(Array.from({ length: 24 }, () => message(topic, null, 'v')));
    expect(new Set(keyless.map(({ partition }) => partition)).size).toBe(12);
  }
});

describe.each(CLIENTS)('a source with %s', (client) => {
  it('starts at the oldest event, hands over each partition in order, and goes on where it has committed', async () => {
    const topic = await newTopic(3);
    const group = uniqueName('group');
    const producer = newProducer(client);
    const positions = await producer.publish(numbered(topic, 50));
    const first = await started(client, group, [topic]);
    expect(first.source.joined).toBe(true);
    expect(first.told).toEqual(['assigned']);
    expect(first.owned(topic, 3)).toEqual([0, 1, 2]);
    await eventually(() => expect(first.values).toHaveLength(50));
    for (const partition of [0, 1, 2]) {
      const of = first.batches.filter((batch) => batch.partition === partition);
      const expected = positions.flatMap((at, i) => (at.partition === partition ? [String(i)] : []));
      expect(of.flatMap(({ messages }) => messages.map(({ value }) => String(value)))).toEqual(expected);
      expect(of.at(-1)!.highWatermark).toBe(String(expected.length));
    }
    await first.source.commit([0, 1, 2].map((partition) => ({ topic, partition, offset: partition === 0 ? '1' : '3' })));
    expect(await committed(group, topic)).toEqual(['1', '3', '3']);
    await first.source.stop();
    expect(first.source.joined).toBe(false);

    const second = await started(client, group, [topic]);
    await eventually(() => expect(second.values).toHaveLength(50 - 7));
    const begins = [0, 1, 2].map((partition) => second.batches.find((batch) => batch.partition === partition)!.messages[0]!.offset);
    expect(begins).toEqual(['1', '3', '3']);
    await producer.publish(numbered(topic, 5, 50));
    await eventually(() => expect(second.values).toHaveLength(50 - 7 + 5));
  });

  it('shares a group with another member and hands over to it; what it commits when it is told still counts', async () => {
    const topic = await newTopic(4);
    const group = uniqueName('group');
    const committing: Promise<void>[] = [];
    const first: Member = new Member(client, group, [topic], {
      onRevoked: () => {
        first.told.push('revoked');
        committing.push(first.source.commit([{ topic, partition: 1, offset: '5' }]));
      },
    });
    await newProducer(client).publish(Array.from({ length: 400 }, (_, i) => message(topic, String(i), String(i))));
    await first.source.start();
    await eventually(() => expect(first.values).toHaveLength(400));

    const second = await started(client, group, [topic]);
    await eventually(() => expect(first.told).toEqual(['assigned', 'revoked', 'assigned']));
    await Promise.all(committing);
    expect(first.owned(topic, 4)).toHaveLength(2);
    expect([...first.owned(topic, 4), ...second.owned(topic, 4)].sort()).toEqual([0, 1, 2, 3]);
    expect((await committed(group, topic))[1]).toBe('5');
    const heir = first.source.owns(topic, 1) ? first : second;
    const from5 = () => heir.batches.filter(({ partition, messages }) => partition === 1 && messages[0]!.offset === '5');
    await eventually(() => expect(from5()).toHaveLength(1));

    await first.source.stop();
    await eventually(() => expect(second.owned(topic, 4)).toEqual([0, 1, 2, 3]));
    expect(second.told).toEqual(['assigned', 'revoked', 'assigned']);
  });

  it('refuses a commit of a member that the group has given up, and joins again', async () => {
    const topic = await newTopic(1);
    const group = uniqueName('group');
    await newProducer(client).publish(numbered(topic, 10));
    const member = await started(client, group, [topic]);
    await member.source.commit([{ topic, partition: 0, offset: '3' }]);
    await expel(group);

    await expect(member.source.commit([{ topic, partition: 0, offset: '1' }])).rejects.toThrow();
    expect(await committed(group, topic)).toEqual(['3']);
    await eventually(() => expect(member.told.filter((one) => one === 'assigned')).toHaveLength(2));
    await member.source.commit([{ topic, partition: 0, offset: '4' }]);
    expect(await committed(group, topic)).toEqual(['4']);

    await member.source.stop();
    await expect(member.source.commit([{ topic, partition: 0, offset: '1' }])).rejects.toThrow();
    expect(await committed(group, topic)).toEqual(['4']);
  });

  it('fetches nothing from a partition that is paused, everything from the others, and all of it when it is resumed', async () => {
    const topic = await newTopic(2);
    const member: Member = new Member(client, uniqueName('group'), [topic], {
      onBatch: (batch) => {
        member.batches.push(batch);
        if (batch.partition === 0) member.source.pause(topic, 0);
      },
    });
    await member.source.start();
    const producer = newProducer(client);
    const large = (i: number) => message(topic, `key-${i % 20}`, `${i}-${'x'.repeat(2_000)}`);
    const positions: { partition: number }[] = [];
    for (let i = 0; i < 600; i += 50) positions.push(...(await producer.publish(Array.from({ length: 50 }, (_, j) => large(i + j)))));
    const inPartition = (partition: number) => positions.filter((at) => at.partition === partition).length;
    const got = (partition: number) => member.batches.filter((one) => one.partition === partition).flatMap(({ messages }) => messages);

    await eventually(() => expect(got(1)).toHaveLength(inPartition(1)));
    expect(member.batches.filter(({ partition }) => partition === 0)).toHaveLength(1);
    expect(got(0).length).toBeLessThan(inPartition(0));

    const resuming = setInterval(() => member.source.resume(topic, 0), 10);
    await eventually(() => expect(got(0)).toHaveLength(inPartition(0)));
    clearInterval(resuming);
    expect(got(0).map(({ offset }) => Number(offset))).toEqual(Array.from({ length: inPartition(0) }, (_, i) => i));

    member.source.resume(topic, 0);
    member.source.pauseAll();
    const before = member.values.length;
    await producer.publish(numbered(topic, 20));
    const other = await started(client, uniqueName('group'), [topic]);
    await eventually(() => expect(other.values).toHaveLength(620));
    expect(member.values).toHaveLength(before);
  });

  it('goes on where it is told to, back and forward', async () => {
    const topic = await newTopic(1);
    await newProducer(client).publish(numbered(topic, 100));
    const member = await started(client, uniqueName('group'), [topic]);
    await eventually(() => expect(member.values).toHaveLength(100));

    member.batches.splice(0);
    member.source.seek(topic, 0, 40n);
    await eventually(() => expect(member.values).toHaveLength(60));
    expect(member.values[0]).toBe('40');

    member.source.pause(topic, 0);
    member.source.seek(topic, 0, 0n);
    member.source.seek(topic, 0, 90n);
    member.batches.splice(0);
    member.source.resume(topic, 0);
    await eventually(() => expect(member.values).toEqual(['90', '91', '92', '93', '94', '95', '96', '97', '98', '99']));
  });

  it('tells how many events Kafka deleted before they were consumed, and goes on with the oldest that is left', async () => {
    const topic = await newTopic(1);
    const group = uniqueName('group');
    const producer = newProducer(client);
    await producer.publish(numbered(topic, 20));
    const before = await started(client, group, [topic]);
    await eventually(() => expect(before.values).toHaveLength(20));
    await before.source.commit([{ topic, partition: 0, offset: '5' }]);
    await before.source.stop();
    const own = new Kafka({ brokers: kafkaBrokers(), logLevel: logLevel.NOTHING }).admin(); // One that knows of no topic that was deleted.
    await own.connect();
    await own.fetchTopicOffsets(topic);
    await own.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '12' }] });
    await own.disconnect();

    const member = await started(client, group, [topic]);
    await eventually(() => expect(member.values).toEqual(['12', '13', '14', '15', '16', '17', '18', '19']));
    expect(member.lost).toEqual([[topic, 7]]);
    expect(member.fatal).toEqual([]);
  });

  it('does not start where there is no Kafka or no such topic', async () => {
    const nowhere = new Member(client, uniqueName('group'), ['any'], { brokers: [`127.0.0.1:${await freePort()}`] });
    const unknown = new Member(client, uniqueName('group'), [uniqueName('unknown')]);

    await Promise.all([expect(nowhere.source.start()).rejects.toThrow(), expect(unknown.source.start()).rejects.toThrow()]);
    expect(nowhere.source.joined).toBe(false);
  });
});

it('members with either client share one group, whichever of them shares out', async () => {
  const topics = [await newTopic(3), await newTopic(5)];
  await newProducer('kafkajs').publish(topics.flatMap((topic) => numbered(topic, 100)));
  const orders: [Client, Client][] = [
    ['kafkajs', 'platformatic'],
    ['platformatic', 'kafkajs'],
  ];
  const share = async (order: [Client, Client]) => {
    const group = uniqueName('group');
    const members = [await started(order[0], group, topics), await started(order[1], group, topics)];
    const shares = () => members.map((member) => topics.flatMap((topic, i) => member.owned(topic, [3, 5][i]!)).length);
    await eventually(() => expect(shares()).toEqual([4, 4]));
    for (const [i, topic] of topics.entries())
      for (const partition of Array.from({ length: [3, 5][i]! }, (_, one) => one))
        expect(members.filter(({ source }) => source.owns(topic, partition))).toHaveLength(1);
    await eventually(() => expect(new Set(members.flatMap(({ values }) => values)).size).toBe(100));

    await members[0]!.source.stop();
    await eventually(() => expect(shares()).toEqual([0, 8]));
  };
  await Promise.all(orders.map(share));
});

describe('with a broker that asks who is calling', () => {
  let isolated: Awaited<ReturnType<typeof isolatedKafka>>;
  beforeAll(async () => {
    isolated = await isolating;
  });

  const as = (password: string): KafkaOptions => ({
    ...kafka,
    brokers: [isolated.kafka.broker],
    sasl: { mechanism: 'plain', username: 'user', password },
  });

  it.each(CLIENTS)('%s is not let in with a wrong password', async (client) => {
    const wrong = as('w-secret');
    const member = new Member(client, uniqueName('group'), ['any'], wrong);
    const error: unknown = await newProducer(client, wrong)
      .publish([message('any', 'k', 'v')])
      .catch((reason: unknown) => reason);

    expect(error).toMatchObject({ name: expect.not.stringContaining('RecordRejectedError') as string });
    expect(String(error)).not.toContain('w-secret');
    await expect(member.source.start()).rejects.toThrow(/authenticat/i);
  });

  it('when it goes and comes back, sources and producers go on; when it does not answer, they stop in time', async () => {
    const own = as('u-secret');
    const topic = await newTopic(2, {}, own);
    const members = CLIENTS.map((client) => new Member(client, uniqueName(client), [topic], { ...own, sessionTimeoutMs: 6_000 }));
    const senders = CLIENTS.map((client) => newProducer(client, own));
    await Promise.all(members.map(({ source }) => source.start()));
    for (const sender of senders) await sender.publish(numbered(topic, 10));
    for (const member of members) await eventually(() => expect(member.values).toHaveLength(20));

    await isolated.kafka.kill();
    for (const error of await Promise.all(senders.map((one) => one.publish(numbered(topic, 1)).catch((reason: unknown) => reason))))
      expect((error as Error).name).not.toBe('RecordRejectedError');
    await isolated.kafka.start();
    for (const sender of senders) await eventually(() => sender.publish(numbered(topic, 10, 100)));
    for (const member of members) {
      await eventually(() => expect(new Set(member.values).size).toBe(20));
      await eventually(() => member.source.commit([{ topic, partition: 0, offset: '1' }]));
      expect(member.fatal).toEqual([]);
      expect(member.source.joined).toBe(true);
    }

    isolated.kafka.child!.signal('SIGSTOP'); // It is there and does not answer, which takes a client longest to see.
    const begun = performance.now();
    await Promise.all([...members.map(({ source }) => source.stop()), ...senders.map((sender) => sender.disconnect())]);
    expect(performance.now() - begun).toBeLessThan(12_000);
    isolated.kafka.child!.signal('SIGCONT');
  });
});
