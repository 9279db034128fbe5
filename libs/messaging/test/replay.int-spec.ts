import { newId } from '@past-tense/envelope';
import { eventually, uniqueName } from '@past-tense/testing';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  applyTopics,
  EventFile,
  exportEvents,
  feed,
  ownTopics,
  readTopic,
  ReplayRecords,
  replayTopic,
  Surveyor,
  TopicSpan,
  type Replay,
  type ReplaySource,
  type StoredMessage,
} from '../src/index';
import {
  DAY_MS,
  database,
  deadLetters,
  effects,
  heldBy,
  kafka,
  keeping,
  newIds,
  newName,
  plain,
  producer,
  record,
  start,
  tiers,
  topic,
  useConsumers,
} from './consumers';

useConsumers();

const HOUR = 3_600_000;
const EVERYTHING = { fromMs: 0, toMs: Date.now() + DAY_MS };

/** Publishes events at moments of our choice, as if they had been published then. */
async function publishAt(events: readonly { orderId: string; atMs: number; version?: number; partition?: number }[]): Promise<void> {
  // A partition that was made a moment ago may refuse what the others take, and then everything is sent again.
  const sender = plain.producer({ idempotent: true, maxInFlightRequests: 1 });
  await sender.connect();
  const messages = events.map(({ orderId, atMs, version = 1, partition }) => {
    const { key, value, headers } = record(orderId, { aggregateVersion: version });
    return { key, value, headers, timestamp: String(atMs), ...(partition !== undefined && { partition }) };
  });
  await sender.send({ topic: topic.name, messages });
  await sender.disconnect();
}

async function spanOf(fromMs: number, toMs: number): Promise<{ span: TopicSpan; found: StoredMessage[] }> {
  const found: StoredMessage[] = [];
  const { span } = await TopicSpan.find(kafka, { topics: [topic.name], fromMs, toMs }, async (messages) => void found.push(...messages));
  return { span, found };
}

/** Feeds a consumer what a source holds and waits until it is done with it. */
async function replay(name: string, source: ReplaySource, events: number, generation?: number) {
  const records = new ReplayRecords(database, name);
  const begun = await records.begin({ generation, source: source.description, by: 'a tester', why: 'to see', events });
  await feedAll(records, begun, source);
  return { records, replay: begun, outcome: await settled(records, begun) };
}

async function feedAll(records: ReplayRecords, begun: Replay, source: ReplaySource): Promise<void> {
  const never = new AbortController().signal;
  expect(await feed(begun, { records, producer, source, ratePerSecond: 100_000, progress: () => undefined, stopping: never })).toBe(true);
}

async function settled(records: ReplayRecords, begun: Replay) {
  await eventually(async () => expect(await records.settled(begun)).toBe(begun.events));
  return await records.outcome(begun);
}

/** As if a consumer had never heard of some orders. */
async function lose(name: string, orderIds: readonly string[]): Promise<void> {
  const ids = (await readTopic(kafka, topic.name)).flatMap(({ key, headers }) =>
    orderIds.includes(key!.toString()) ? [String(headers['ce_id'])] : [],
  );
  await database.query({ name: 'lose-claims', text: 'DELETE FROM processed_events WHERE consumer = $1 AND event_id = ANY ($2::uuid[])' }, [
    name,
    ids,
  ]);
  await database.query({ name: 'lose-effects', text: 'DELETE FROM effects WHERE consumer = $1 AND order_id = ANY ($2)' }, [name, orderIds]);
}

async function messagesOf(source: ReplaySource, skipped = 0): Promise<StoredMessage[]> {
  const read: StoredMessage[] = [];
  for await (const messages of source.read({ messages: skipped, positions: {} })) read.push(...messages);
  return read;
}

/** A second consumer of the same topic. */
async function newNameBeside(): Promise<string> {
  const name = uniqueName('consumer');
  await applyTopics(
    kafka,
    ownTopics(name).map((of) => ({ name: of, partitions: 3, retentionMs: DAY_MS, cleanup: 'delete' })),
    1,
  );
  return name;
}

const shuffled = <T>(all: readonly T[]): T[] =>
  all
    .map((one) => ({ one, by: randomInt(1_000_000) }))
    .sort((a, b) => a.by - b.by)
    .map(({ one }) => one);
const orderOf = ({ key }: StoredMessage) => key!.toString();

describe('a span of time on topics (R1)', () => {
  it('is exact to the millisecond at both ends, on every partition, whatever the order of the timestamps', async () => {
    await newName();
    const from = Date.UTC(2026, 10, 20, 8);
    const to = from + HOUR;
    const around = [from - 1, from, from + 1, to - 1, to, to + 1, from + HOUR / 2];
    const events = Array.from({ length: topic.partitions }, (_, partition) => partition).flatMap((partition) =>
      around.map((atMs) => ({ orderId: newId(), atMs, partition })),
    );
    await publishAt(shuffled(events));

    const { span, found } = await spanOf(from, to);

    const wanted = events.filter(({ atMs }) => atMs >= from && atMs < to);
    expect(found.map(orderOf).sort()).toEqual(wanted.map(({ orderId }) => orderId).sort());
    expect(await messagesOf(span)).toEqual(found);
  });

  it('tells what the topics hold when there is nothing in it', async () => {
    await newName();
    const at = Date.UTC(2026, 10, 20, 8);
    await publishAt([at, at + 50, at + 7].map((atMs) => ({ orderId: newId(), atMs })));

    const { held, cutOff } = await TopicSpan.find(kafka, { topics: [topic.name], fromMs: at + 8, toMs: at + 50 }, async () => {
      throw new Error('there is nothing');
    });

    expect(held).toEqual({ firstMs: at, lastMs: at + 50 });
    expect(cutOff).toEqual([]);
  });
});

describe('feeding a consumer again (R1, R4, D1)', () => {
  it('hands over bytes and headers as they were, in order, and says whose replay it is; nobody else gets them', async () => {
    const name = await newName();
    const other = await newNameBeside();
    const ids = newIds(20);
    const at = Date.now() - DAY_MS;
    await publishAt(ids.flatMap((orderId, i) => [1, 2, 3].map((version) => ({ orderId, version, atMs: at + version * 100 + i }))));
    const original = await readTopic(kafka, topic.name);
    await start(name, keeping(name));
    await start(other, keeping(other));
    await eventually(async () => expect([(await effects(name)).length, (await effects(other)).length]).toEqual([60, 60]));
    const { span, found } = await spanOf(at, at + DAY_MS);

    const { replay: begun, outcome } = await replay(name, span, found.length);

    expect(outcome).toEqual({ applied: 0, absorbed: 60, waiting: 0, failed: 0 });
    const fed = await readTopic(kafka, replayTopic(name));
    const origin = ({ topic: of, partition, offset }: StoredMessage) => `${of}/${partition}/${offset}`;
    const byOrigin = new Map(original.map((message) => [origin(message), message]));
    for (const { headers, key, value } of fed) {
      const { pt_replay_id, pt_source_topic, pt_source_partition, pt_source_offset, ...rest } = headers;
      const source = byOrigin.get([pt_source_topic, pt_source_partition, pt_source_offset].map(String).join('/'))!;
      expect({ key, value, headers: rest }).toEqual({ key: source.key, value: source.value, headers: source.headers });
      expect(String(pt_replay_id)).toBe(begun.id);
    }
    for (const id of ids)
      expect(fed.filter((message) => orderOf(message) === id).map(({ headers }) => String(headers['ce_sequence']))).toEqual([
        '1',
        '2',
        '3',
      ]);
    expect(fed).toHaveLength(60);
    expect(await readTopic(kafka, replayTopic(other))).toEqual([]);
    expect(await readTopic(kafka, topic.name)).toHaveLength(60);
    expect([(await effects(name)).length, (await effects(other)).length]).toEqual([60, 60]);
  });

  it('lets only what was missed take effect, and knows beforehand', async () => {
    const name = await newName();
    const ids = newIds(30);
    await publishAt(ids.map((orderId, i) => ({ orderId, atMs: Date.now() - HOUR + i })));
    await start(name, keeping(name));
    await eventually(async () => expect(await effects(name)).toHaveLength(30));
    const missed = ids.slice(0, 7);
    await lose(name, missed);
    const { span, found } = await spanOf(EVERYTHING.fromMs, EVERYTHING.toMs);
    const records = new ReplayRecords(database, name);
    const surveyor = new Surveyor({ records, generation: undefined, remembersMs: 120 * DAY_MS });
    await surveyor.add(found);
    expect(surveyor.survey).toMatchObject({ events: 30, keys: 30, processed: 23, tooOld: 0 });

    const { outcome } = await replay(name, span, 30);

    expect(outcome).toEqual({ applied: 7, absorbed: 23, waiting: 0, failed: 0 });
    const all = await effects(name);
    expect(all.map(({ order_id: id }) => id).sort()).toEqual([...ids].sort());
    expect(await records.latest(5)).toMatchObject([{ by: 'a tester', why: 'to see', events: 30, state: 'fed' }]);
  });

  it('goes on where it was interrupted, and counts what was fed twice once', async () => {
    const name = await newName();
    const ids = newIds(400);
    await publishAt(ids.map((orderId, i) => ({ orderId, atMs: Date.now() - HOUR + i })));
    const { span, found } = await spanOf(EVERYTHING.fromMs, EVERYTHING.toMs);
    const records = new ReplayRecords(database, name);
    const begun = await records.begin({ generation: undefined, source: span.description, by: 'me', why: '', events: found.length });
    const stopping = new AbortController();
    const fedFirst: number[] = [];
    const first = await feed(begun, {
      records,
      producer,
      source: span,
      ratePerSecond: 500,
      progress: (fed) => void (fedFirst.push(fed) === 4 && stopping.abort()),
      stopping: stopping.signal,
    });
    expect(first).toBe(false);
    expect(fedFirst).toHaveLength(4);
    const half = (await records.open())[0]!;
    expect(half).toMatchObject({ id: begun.id, state: 'feeding', fed: { messages: fedFirst[3] } });
    // As if the process had been killed after Kafka had acknowledged the fourth part and before that was noted.
    await records.advance(half, { messages: 0, positions: {} });

    await feedAll(records, (await records.get(begun.id))!, new TopicSpan(kafka, span.description));
    await start(name, keeping(name));

    // The events lie on their topic, too, and some are applied from there.
    const { applied, absorbed, ...others } = await settled(records, begun);
    expect({ all: applied + absorbed, ...others }).toEqual({ all: 400, waiting: 0, failed: 0 });
    expect((await effects(name)).map(({ order_id: id }) => id).sort()).toEqual([...ids].sort());
    expect(await readTopic(kafka, replayTopic(name))).toHaveLength(400 + fedFirst[3]!);
  });

  it('is done by one process at a time', async () => {
    const name = await newName();
    const records = new ReplayRecords(database, name);
    const source = { kind: 'topics', topics: [topic.name], from: '', to: '', partitions: [] } as const;
    const begun = await records.begin({ generation: undefined, source, by: 'me', why: '', events: 0 });

    await records.alone(begun, async () => {
      await expect(records.alone(begun, async () => undefined)).rejects.toThrow(`Somebody else feeds replay ${begun.id} right now`);
    });
    await eventually(() => records.alone(begun, async () => undefined));
  });

  it('follows what fails into its retries and to the dead letters', async () => {
    const name = await newName();
    const [broken, slow, fine] = newIds(3) as [string, string, string];
    await publishAt([broken, slow, fine].map((orderId, i) => ({ orderId, atMs: Date.now() - HOUR + i })));
    let recovers = false;
    await start(
      name,
      keeping(name, ({ data }) => {
        if (data.orderId === broken || (data.orderId === slow && !recovers)) throw new Error('not today');
      }),
      { retry: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 }, tiers: tiers(300, 300, 300) },
    );
    await eventually(async () => expect((await heldBy(name)).map(({ place }) => place)).toEqual(['dlq', 'dlq']));
    await eventually(async () => expect(await effects(name)).toHaveLength(1));
    // As if neither the reaction nor the letters had been there yet.
    await database.query({ name: 'no-held', text: 'DELETE FROM held_events WHERE consumer = $1' }, [name]);
    await lose(name, [fine]);
    const { span, found } = await spanOf(EVERYTHING.fromMs, EVERYTHING.toMs);

    const { records, replay: begun, outcome } = await replay(name, span, found.length);
    expect(outcome.waiting + outcome.failed).toBe(2);
    recovers = true;
    await eventually(async () => expect(await records.outcome(begun)).toEqual({ applied: 2, absorbed: 0, waiting: 0, failed: 1 }));
    // The letter is in the outbox when the database calls the event dead, and on its topic a moment later.
    await eventually(async () => {
      const letters = await deadLetters(name);
      expect(letters.filter(({ headers }) => String(headers['pt_replay_id']) === begun.id).map(orderOf)).toEqual([broken]);
    });
  });

  it('does not count what is a dead letter already as done', async () => {
    const name = await newName();
    const [id] = newIds(1) as [string];
    await publishAt([{ orderId: id, atMs: Date.now() - HOUR }]);
    await start(
      name,
      keeping(name, () => {
        throw new Error('never');
      }),
      { retry: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 }, tiers: tiers(1, 1, 1) },
    );
    await eventually(async () => expect(await deadLetters(name)).toHaveLength(1));
    const { span } = await spanOf(EVERYTHING.fromMs, EVERYTHING.toMs);

    const { outcome } = await replay(name, span, 1);

    expect(outcome).toEqual({ applied: 0, absorbed: 0, waiting: 0, failed: 1 });
    expect(await deadLetters(name)).toHaveLength(1);
  });

  it('takes what nobody fed for no replay', async () => {
    const name = await newName();
    await start(name, keeping(name));
    await producer.publish([{ ...record(newId()), topic: replayTopic(name) }]);

    const [letter] = await eventually(async () => {
      const letters = await deadLetters(name);
      expect(letters).toHaveLength(1);
      return letters;
    });
    expect(String(letter!.headers['pt_error_message'])).toContain(`travels on ${topic.name} and not on ${replayTopic(name)}`);
    expect(await effects(name)).toEqual([]);
  });
});

describe('deriving again (a new generation)', () => {
  it('lets everything take effect once more in a generation, and once only', async () => {
    const name = await newName();
    const ids = newIds(12);
    await publishAt(
      ids.flatMap((orderId, i) => [1, 2].map((version) => ({ orderId, version, atMs: Date.now() - HOUR + version * 100 + i }))),
    );
    await start(name, keeping(name), { projection: true });
    await eventually(async () => expect(await effects(name)).toHaveLength(24));
    const { span } = await spanOf(EVERYTHING.fromMs, EVERYTHING.toMs);

    expect((await replay(name, span, 24, 2)).outcome).toEqual({ applied: 24, absorbed: 0, waiting: 0, failed: 0 });
    const { records, outcome } = await replay(name, span, 24, 2);
    expect(outcome).toEqual({ applied: 0, absorbed: 24, waiting: 0, failed: 0 });
    expect(await records.generation()).toBe(2);

    const all = await effects(name);
    expect(all).toHaveLength(48);
    for (const id of ids) expect(all.filter(({ order_id }) => order_id === id).map(({ version }) => version)).toEqual([1, 2, 1, 2]);
    // The live flow has the dedup that it had.
    expect((await replay(name, span, 24)).outcome).toEqual({ applied: 0, absorbed: 24, waiting: 0, failed: 0 });
  });

  it('keeps its generation through retries', async () => {
    const name = await newName();
    const [id] = newIds(1) as [string];
    await publishAt([{ orderId: id, atMs: Date.now() - HOUR }]);
    let failing = false;
    await start(
      name,
      keeping(name, () => {
        if (failing) throw new Error('for a moment');
      }),
      { projection: true, retry: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 } },
    );
    await eventually(async () => expect(await effects(name)).toHaveLength(1));
    failing = true;
    const { span } = await spanOf(EVERYTHING.fromMs, EVERYTHING.toMs);

    const { records, replay: begun, outcome } = await replay(name, span, 1, 2);
    expect(outcome).toMatchObject({ waiting: 1 });
    failing = false;

    await eventually(async () => expect(await records.outcome(begun)).toEqual({ applied: 1, absorbed: 0, waiting: 0, failed: 0 }));
    expect(await effects(name)).toHaveLength(2);
  });

  it('is refused by a consumer that is no projection: nothing happens', async () => {
    const name = await newName();
    await publishAt([{ orderId: newId(), atMs: Date.now() - HOUR }]);
    await start(name, keeping(name));
    await eventually(async () => expect(await effects(name)).toHaveLength(1));
    const { span } = await spanOf(EVERYTHING.fromMs, EVERYTHING.toMs);

    const { outcome } = await replay(name, span, 1, 2);

    expect(outcome).toEqual({ applied: 0, absorbed: 0, waiting: 0, failed: 1 });
    expect(await effects(name)).toHaveLength(1);
    expect(String((await deadLetters(name))[0]!.headers['pt_error_message'])).toContain(
      `derive generation 2 of ${name} again, which is no projection`,
    );
  });
});

describe('a file of events', () => {
  let folder: string;
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'past-tense-'))));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('holds what was on the topics, byte by byte, also when its writing was interrupted', async () => {
    await newName();
    const at = Date.now() - DAY_MS;
    await publishAt(Array.from({ length: 1_200 }, (_, i) => ({ orderId: newId(), atMs: at + i })));
    const odd = { key: null, value: null, headers: { twice: ['a', Buffer.from([0, 255])], empty: '' }, timestamp: String(at + 5_000) };
    const sender = plain.producer();
    await sender.connect();
    await sender.send({ topic: topic.name, messages: [{ ...odd, partition: 1 }] });
    await sender.disconnect();
    const { span, found } = await spanOf(at, at + DAY_MS / 2);
    const whole = join(folder, 'whole.jsonl');

    expect(await exportEvents(span, whole, () => undefined)).toBe(1_201);
    expect(statSync(whole).mode & 0o777).toBe(0o600);
    const choice = { topics: [], fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };
    const read = await messagesOf(await EventFile.open(whole, choice));
    expect(read.map((message) => JSON.stringify(message))).toEqual(found.map((message) => JSON.stringify(message)));

    // Killed in the middle of a line.
    const cut = join(folder, 'cut.jsonl');
    const text = readFileSync(whole, 'utf8');
    writeFileSync(`${cut}.part`, text.slice(0, Math.round(text.length * 0.6)));
    const grown: number[] = [];
    expect(await exportEvents(span, cut, (events) => void grown.push(events))).toBe(1_201);
    expect(grown[0]).toBeGreaterThan(600);
    expect(readFileSync(cut, 'utf8')).toBe(text);

    const part = await messagesOf(await EventFile.open(whole, { topics: [topic.name], fromMs: at + 10, toMs: at + 20 }), 3);
    expect(part.map(({ timestampMs }) => timestampMs - at)).toEqual([13, 14, 15, 16, 17, 18, 19]);
  });

  it.each([
    ['is not there', undefined, 'There is no file'],
    ['is something else', 'hello\n', 'Line 1 of'],
    ['does not say what it is', '{}\n', 'is not a file of events'],
    ['is of another version', '{"format":"past-tense-events","version":2}\n', 'has version 2 of its format'],
    ['was cut off', '{"format":"past-tense-events","version":1}\n', 'was cut off after 0 events'],
    ['holds what is no event', '{"format":"past-tense-events","version":1}\n{"topic":1}\n{"events":1}\n', 'is not an event'],
  ])('is refused when it %s', async (_, content, sentence) => {
    const file = join(folder, `${newId()}.jsonl`);
    if (content !== undefined) writeFileSync(file, content);

    await expect(EventFile.open(file, { topics: [], ...EVERYTHING })).rejects.toThrow(sentence);
  });
});
