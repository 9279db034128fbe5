import { OrderCompleted } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { eventually, kafkaBrokers } from '@past-tense/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EarlyEventError, readTopic, type AnyReaction, type Event, type Reaction, type StoredMessage } from '../src/index';
import {
  database,
  databaseUrl,
  deadLetters,
  effects,
  heldBy,
  kafka,
  keeping,
  lag,
  newIds,
  newName,
  producer,
  record,
  said,
  start,
  tiers,
  topic,
  useConsumers,
} from './consumers';

useConsumers();

// For ever, as far as a test is concerned. What is to end a wait while its event still fails has to do so within the tiers before this one, so those
// are longer than that takes on a busy machine.
const HOUR_MS = 3_600_000;
const headersOf = ({ headers }: { headers: Record<string, unknown> }) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
const versionsOf = async (name: string, orderId: string) =>
  (await effects(name)).filter((row) => row.order_id === orderId).map(({ version }) => version);
const inVersions = (orderId: string, ...versions: number[]) => versions.map((aggregateVersion) => record(orderId, { aggregateVersion }));
/** A reaction that fails for the given events until it is told not to. */
function failing(name: string, fails: (event: Event<OrderCompleted>) => boolean) {
  const state = { broken: true, attempts: 0 };
  const reaction = keeping(name, (event) => {
    if (!state.broken || !fails(event)) return;
    state.attempts += 1;
    throw new Error('cannot, with password=hunter2');
  });
  return { state, reaction };
}

/** A reaction to whose event another one, of another aggregate, must come first. */
function waitingFor(name: string, pairs: ReadonlyMap<string, string>): AnyReaction<OrderCompleted> & { attempts: number } {
  const own = {
    attempts: 0,
    async react(event: Event<OrderCompleted>, transaction: Transaction) {
      const first = pairs.get(event.data.orderId);
      if (first !== undefined) {
        own.attempts += 1;
        const seen = await transaction.query({ name: 'seen', text: 'SELECT 1 FROM effects WHERE consumer = $1 AND order_id = $2' }, [
          name,
          first,
        ]);
        if (seen.length === 0) throw new EarlyEventError(first, `order ${first}`);
      }
      await keep.react(event, transaction);
    },
  };
  const keep = keeping(name) as Reaction<OrderCompleted>;
  return own as never;
}

describe('retry tiers (D4)', () => {
  it('a message waits on each tier as it came, with headers that say why and until when', async () => {
    const name = await newName();
    const orderId = newId();
    const { state, reaction } = failing(name, () => state.attempts < 5);
    await start(name, reaction, { tiers: tiers(100, 300, 500) });
    const sent = { ...record(orderId), headers: { ...record(orderId).headers, custom: 'kept' } };
    await producer.publish([sent]);

    await eventually(async () => expect(await versionsOf(name, orderId)).toEqual([1]));
    expect(state.attempts).toBe(5); // Three in place, one after each of the first two tiers; the one after the third succeeded.
    for (const [i, tier] of ['retry-5s', 'retry-1m', 'retry-10m'].entries()) {
      const [copy] = await readTopic(kafka, `${name}.${tier}`);
      expect(copy!.value).toEqual(sent.value);
      expect(copy!.key!.toString()).toBe(orderId);
      const headers = headersOf(copy!);
      expect(headers).toMatchObject({
        ...sent.headers,
        pt_consumer: name,
        pt_place: tier,
        pt_reason: 'FAILED',
        pt_attempts: String(3 + i),
        pt_source_topic: topic.name,
        pt_error_class: 'Error',
        pt_error_message: 'cannot, with password=[redacted]',
      });
      expect(headers['pt_error_stack']).toContain('retry.int-spec.ts');
      expect(headers['pt_error_stack']).not.toContain('hunter2');
      expect(Number(headers['pt_source_offset'])).toBeGreaterThanOrEqual(0);
      const [first, last, due] = ['first_failed_at', 'last_failed_at', 'due_at'].map((at) => Date.parse(headers[`pt_${at}`]!));
      expect(first).toBeLessThanOrEqual(last!);
      expect(due! - last!).toBeGreaterThanOrEqual([100, 300, 500][i]! - 5);
    }
    expect(await deadLetters(name)).toEqual([]);
    expect(await heldBy(name)).toEqual([]);
  });

  it('an event whose tier lasts longer than the session is waited for without leaving the group', async () => {
    const name = await newName();
    const { state, reaction } = failing(name, () => state.attempts < 3);
    await start(name, reaction, { tiers: tiers(11_000, HOUR_MS, HOUR_MS) });
    await producer.publish([record(newId())]);

    await eventually(async () => expect(await effects(name)).toHaveLength(1));
    expect(said.filter(({ msg }) => /rebalanc|re-joining|rejoin/i.test(msg))).toEqual([]);
  });

  it('an event that waits keeps its place when its consumer is replaced', async () => {
    const name = await newName();
    const orderId = newId();
    const { state, reaction } = failing(name, () => true);
    const first = await start(name, reaction, { tiers: tiers(6_000, HOUR_MS, HOUR_MS) });
    await producer.publish(inVersions(orderId, 1, 2));
    await eventually(async () => expect((await heldBy(name)).map(({ place }) => place)).toEqual(['retry-5s', 'behind']));
    await first.stop();
    state.broken = false;
    await start(name, reaction);

    await eventually(async () => expect(await versionsOf(name, orderId)).toEqual([1, 2]));
  });
});

describe('order under retry (D4)', () => {
  it('later events of the aggregate wait behind the failed one, others flow; then they follow in order', async () => {
    const name = await newName();
    const [bad, ...good] = newIds(21);
    const { state, reaction } = failing(name, ({ data, aggregateVersion }) => data.orderId === bad && aggregateVersion === 2);
    await start(name, reaction, { tiers: tiers(2_000, 4_000, HOUR_MS) });
    await producer.publish([
      ...inVersions(bad!, 1, 2, 3, 4, 5),
      ...good.flatMap((orderId) => inVersions(orderId, 1, 2)),
      ...inVersions(bad!, 6),
    ]);

    await eventually(async () => expect(await effects(name)).toHaveLength(41));
    expect(await versionsOf(name, bad!)).toEqual([1]);
    await eventually(async () => expect(await lag(name)).toBe(0));
    expect((await heldBy(name)).map(({ version, place }) => [Number(version), place])).toEqual([
      [2, expect.stringContaining('retry')],
      [3, 'behind'],
      [4, 'behind'],
      [5, 'behind'],
      [6, 'behind'],
    ]);
    expect((await heldBy(name)).filter(({ place, attempts }) => place === 'behind' && attempts > 0)).toEqual([]);

    state.broken = false;
    await eventually(async () => expect(await versionsOf(name, bad!)).toEqual([1, 2, 3, 4, 5, 6]));
    expect(await heldBy(name)).toEqual([]);
  });

  it('an earlier version that comes late is not held up by a later one that waits', async () => {
    const name = await newName();
    const orderId = newId();
    const { reaction, state } = failing(name, ({ aggregateVersion }) => aggregateVersion === 2);
    await start(name, reaction, { tiers: tiers(4_000, HOUR_MS, HOUR_MS) });
    await producer.publish(inVersions(orderId, 2));
    await eventually(async () => expect(await heldBy(name)).toHaveLength(1));
    await producer.publish(inVersions(orderId, 1));

    await eventually(async () => expect(await versionsOf(name, orderId)).toEqual([1]));
    state.broken = false;
    await eventually(async () => expect(await versionsOf(name, orderId)).toEqual([1, 2]));
  });

  it('redeliveries of what waits change nothing', async () => {
    const name = await newName();
    const orderId = newId();
    const { reaction, state } = failing(name, ({ aggregateVersion }) => aggregateVersion === 1);
    await start(name, reaction, { tiers: tiers(6_000, HOUR_MS, HOUR_MS) });
    const records = inVersions(orderId, 1, 2, 3);
    await producer.publish(records);
    await eventually(async () => expect(await heldBy(name)).toHaveLength(3));
    const waiting = await heldBy(name);
    await producer.publish([...records, ...records.toReversed(), ...(await readTopic(kafka, `${name}.retry-5s`)).map(asRecord(name))]);
    await eventually(async () => expect(await lag(name)).toBe(0));

    expect(await heldBy(name)).toEqual(waiting);
    state.broken = false;
    await eventually(async () => expect(await versionsOf(name, orderId)).toEqual([1, 2, 3]));
    await producer.publish(records);
    await eventually(async () => expect(await lag(name)).toBe(0));
    expect(await versionsOf(name, orderId)).toEqual([1, 2, 3]);
  });

  it('after a death the later events wait for a person, or go on if the consumer is told to skip', async () => {
    const [hold, skip] = [await newName(), await newName()];
    const orderId = newId();
    for (const [name, afterDeath] of [
      [hold, 'hold'],
      [skip, 'skip'],
    ] as const) {
      const { reaction } = failing(name, ({ aggregateVersion }) => aggregateVersion === 1);
      await start(name, reaction, { tiers: tiers(10, 20, 30), afterDeath });
    }
    await producer.publish(inVersions(orderId, 1, 2, 3));

    await eventually(async () => expect(await versionsOf(skip, orderId)).toEqual([2, 3]));
    await eventually(async () => expect((await heldBy(hold)).map(({ place }) => place)).toEqual(['dlq', 'behind', 'behind']));
    expect((await heldBy(skip)).map(({ place }) => place)).toEqual(['dlq']);
    expect(await versionsOf(hold, orderId)).toEqual([]);
  });

  it('as many events wait as may; past that the partition pauses and says so, and goes on when there is room', async () => {
    const name = await newName();
    const [bad, good] = newIds(2);
    const { reaction, state } = failing(name, ({ data }) => data.orderId === bad);
    await start(name, reaction, { tiers: tiers(3_000, 3_000, HOUR_MS), maxHeld: 3 });
    await producer.publish([...inVersions(bad!, 1, 2, 3, 4, 5, 6), record(good!)]);

    await eventually(() =>
      expect(said).toContainEqual(
        expect.objectContaining({ level: 50, msg: expect.stringContaining('holds 3 events that wait') as string }),
      ),
    );
    await eventually(async () => expect(await versionsOf(name, good!)).toEqual([1]));
    expect(await heldBy(name)).toHaveLength(3);
    expect(await lag(name)).toBeGreaterThan(0);
    state.broken = false;
    await eventually(async () => expect(await versionsOf(name, bad!)).toEqual([1, 2, 3, 4, 5, 6]));
    await eventually(async () => expect(await lag(name)).toBe(0));
  });
});

describe('an early event (D3)', () => {
  it('waits without burning attempts and is woken by what it waits for', async () => {
    const name = await newName();
    const [second, first] = newIds(2);
    await start(name, waitingFor(name, new Map([[second!, first!]])), { earlyLimitMs: HOUR_MS });
    await producer.publish(inVersions(second!, 1, 2));
    await eventually(async () =>
      expect((await heldBy(name)).map(({ place, reason, attempts }) => [place, reason, attempts])).toEqual([
        ['early', 'EARLY', 0],
        ['behind', 'BEHIND', 0],
      ]),
    );
    await eventually(async () => expect(await lag(name)).toBe(0));
    await producer.publish([record(first!)]);

    await eventually(async () => expect((await effects(name)).map((row) => row.order_id)).toEqual([first, second, second]));
    expect(await versionsOf(name, second!)).toEqual([1, 2]);
    expect(await heldBy(name)).toEqual([]);
  });

  it('is never forgotten, however closely what it waits for follows', async () => {
    const name = await newName();
    const pairs = new Map(Array.from({ length: 100 }, () => newIds(2) as [string, string]));
    await start(name, waitingFor(name, pairs), { earlyLimitMs: HOUR_MS, concurrency: 10 });
    await producer.publish([...pairs].flatMap(([second, first]) => [record(second), record(first)]));

    await eventually(async () => expect(await effects(name)).toHaveLength(200));
    expect(await heldBy(name)).toEqual([]);
  });

  it('waits for as long as its reaction declares', async () => {
    const name = await newName();
    const [second, first] = newIds(2);
    class Patient implements Reaction<OrderCompleted> {
      static readonly patienceMs = 2 * HOUR_MS;
      readonly #waiting = waitingFor(name, new Map([[second!, first!]])) as Reaction<OrderCompleted>;
      async react(event: Event<OrderCompleted>, transaction: Transaction): Promise<void> {
        await this.#waiting.react(event, transaction);
      }
    }
    await start(name, new Patient(), { earlyLimitMs: HOUR_MS });
    await producer.publish([record(second!)]);

    await eventually(async () =>
      expect(
        await database.query(
          {
            name: 'held-for',
            text: 'SELECT extract(epoch FROM due_at - first_failed_at)::int * 1000 AS ms FROM held_events WHERE consumer = $1',
          },
          [name],
        ),
      ).toEqual([{ ms: 2 * HOUR_MS }]),
    );
  });

  it('is a gap after a while: reported and dead-lettered', async () => {
    const name = await newName();
    const [second, first] = newIds(2);
    await start(name, waitingFor(name, new Map([[second!, first!]])), { earlyLimitMs: 400 });
    await producer.publish([record(second!)]);

    const [letter] = await eventually(async () => {
      const letters = await deadLetters(name);
      expect(letters).toHaveLength(1);
      return letters;
    });
    expect(headersOf(letter!)).toMatchObject({ pt_reason: 'GAP', pt_attempts: '0', pt_error_class: 'EarlyEventError' });
    expect(said).toContainEqual(
      expect.objectContaining({
        level: 50,
        reason: 'GAP',
        msg: `order-completed is dead-lettered: order ${first} has not been heard of yet`,
      }),
    );
  });
});

describe('a wake-up and a gap at the same moment', () => {
  it('leave no event behind that nobody will ever look at', async () => {
    const name = await newName();
    const pairs = new Map(Array.from({ length: 40 }, () => newIds(2) as [string, string]));
    await start(name, waitingFor(name, pairs), { earlyLimitMs: 1_000, concurrency: 10 });
    await producer.publish([...pairs.keys()].map((second) => record(second)));
    await eventually(async () => expect(await heldBy(name)).toHaveLength(40));
    await sleep(900); // So that what they wait for comes when they are being given up.
    for (const first of pairs.values()) await producer.publish([record(first)]);

    await eventually(async () => {
      const [done, held, letters] = [await effects(name), await heldBy(name), await deadLetters(name)];
      expect(held.filter(({ place }) => place !== 'dlq')).toEqual([]);
      expect(letters).toHaveLength(held.length);
      expect(done.length + held.length).toBe(80);
    });
  });
});

describe('a dependency that is away (D5)', () => {
  it('is probed by one event at a time while all of the kind wait, and nothing is moved', async () => {
    const name = await newName();
    const state = { away: true, calls: 0, running: 0, most: 0 };
    const reaction = keeping(name, async () => {
      state.calls += 1;
      state.most = Math.max(state.most, ++state.running);
      await sleep(5);
      state.running -= 1;
      if (state.away) throw Object.assign(new Error('the provider is away'), { failure: 'unavailable' });
    });
    await start(name, reaction);
    const ids = newIds(200);
    await producer.publish(ids.map((orderId) => record(orderId)));
    await eventually(() => expect(state.calls).toBeGreaterThanOrEqual(5));
    await eventually(() => expect(state.running).toBe(0));
    const [before, since] = [state.calls, Date.now()];
    state.most = 0;
    await eventually(() => expect(state.calls).toBeGreaterThanOrEqual(before + 4));

    expect(state.most).toBe(1);
    expect(Date.now() - since).toBeGreaterThan(500); // Pauses of at least 0.1, 0.2, 0.4 … s before the probes.
    expect(await effects(name)).toEqual([]);
    expect(said).toContainEqual(expect.objectContaining({ msg: expect.stringContaining('one event probes') as string }));
    state.away = false;
    await eventually(async () => expect(await effects(name)).toHaveLength(200));
    expect(await heldBy(name)).toEqual([]);
    expect(await deadLetters(name)).toEqual([]);
  });

  it('for one event only does not stop the others for ever', async () => {
    const name = await newName();
    const bad = newId();
    const reaction = keeping(name, ({ data }) => {
      if (data.orderId === bad) throw Object.assign(new Error('the provider answered 500'), { failure: 'unavailable' });
    });
    await start(name, reaction, { tiers: tiers(HOUR_MS, HOUR_MS, HOUR_MS) });
    await producer.publish([record(bad)]);
    const ids = newIds(100);
    for (const orderId of ids) {
      await producer.publish([record(orderId)]);
      await sleep(20);
    }

    await eventually(async () => expect(await effects(name)).toHaveLength(100));
  });
});

describe('an event that kills the process', () => {
  const processes: ChildProcess[] = [];
  afterEach(() => processes.splice(0).forEach((child) => child.kill('SIGKILL')));

  it('is found by counting starts, and dead-lettered; the others are handled', async () => {
    const name = await newName();
    const [deadly, ...others] = newIds(11);
    await producer.publish([...others.slice(0, 5), deadly!, ...others.slice(5)].map((orderId) => record(orderId)));
    const env = {
      ...process.env,
      DATABASE_URL: databaseUrl,
      KAFKA_BROKER: kafkaBrokers()[0],
      CONSUMER: name,
      DEADLY_ORDER: deadly,
    };
    const begin = () => {
      const child = spawn(process.execPath, [join(__dirname, 'consumer-process.cjs')], { env, stdio: 'inherit' });
      processes.push(child);
      return child;
    };
    for (let deaths = 0; deaths < 2; deaths += 1) {
      const [, signal] = (await once(begin(), 'exit')) as [number, string];
      expect(signal).toBe('SIGKILL');
    }
    const survivor = begin();
    const [letter] = await eventually(async () => {
      const letters = await deadLetters(name);
      expect(letters).toHaveLength(1);
      return letters;
    }, 60_000);
    await eventually(async () => expect(await effects(name)).toHaveLength(10));
    survivor.kill('SIGTERM');
    await once(survivor, 'exit');

    expect(letter!.key!.toString()).toBe(deadly);
    expect(headersOf(letter!)).toMatchObject({ pt_reason: 'CRASHED' });
  });
});

/** A copy of a message from one of a consumer's own topics, as a second sending of the relay would make it. */
function asRecord(name: string) {
  return ({ key, value, headers }: StoredMessage) => ({
    topic: `${name}.retry-5s`,
    key: key!.toString(),
    value: value!,
    headers: headersOf({ headers }),
  });
}
