import { OrderCompleted } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { currentFlow } from '@past-tense/telemetry';
import { eventually } from '@past-tense/testing';
import type { AnyReaction, BatchReaction, Event } from '../src/index';
import {
  database,
  deadLetters,
  effect,
  effects,
  heldBy,
  keeping,
  lag,
  newIds,
  newName,
  producer,
  record,
  start,
  useConsumers,
} from './consumers';

useConsumers();

const EVENTS = 300;
const isDone = (name: string) => eventually(async () => expect(await lag(name)).toBe(0));

/** Publishes events of as many aggregates before anybody consumes them. */
async function backlog(count = EVENTS): Promise<{ name: string; ids: string[] }> {
  const name = await newName();
  const ids = newIds(count);
  await producer.publish(ids.map((id) => record(id)));
  return { name, ids };
}

/** In how many transactions the effects of a consumer were committed. */
async function transactions(name: string): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    { name: 'transactions-of', text: 'SELECT count(DISTINCT xmin::text)::int AS count FROM effects WHERE consumer = $1' },
    [name],
  );
  return row!.count;
}

const idsOf = async (name: string) => (await effects(name)).map((row) => row.order_id).sort();
const sorted = (ids: readonly string[]) => [...ids].sort();

describe('events that wait at the same moment', () => {
  it('share transactions, and each takes effect once (D1)', async () => {
    const { name, ids } = await backlog();
    await start(name, keeping(name));
    await isDone(name);

    expect(await idsOf(name)).toEqual(sorted(ids));
    expect(await transactions(name)).toBeLessThan(EVENTS / 5);
  });

  it('have a transaction each where that is wanted', async () => {
    const { name } = await backlog(60);
    await start(name, keeping(name), { groupCommit: 1 });
    await isDone(name);

    expect(await transactions(name)).toBe(60);
  });

  it('never share one with another event of their aggregate, whose order is kept (T3)', async () => {
    const name = await newName();
    const ids = newIds(30);
    await producer.publish([1, 2, 3, 4, 5].flatMap((aggregateVersion) => ids.map((id) => record(id, { aggregateVersion }))));
    await start(name, keeping(name));
    await isDone(name);

    for (const id of ids)
      expect((await effects(name)).filter((row) => row.order_id === id).map((row) => row.version)).toEqual([1, 2, 3, 4, 5]);
    const [twice] = await database.query<{ count: number }>(
      {
        name: 'aggregates-twice-in-a-transaction',
        text: 'SELECT count(*)::int AS count FROM (SELECT 1 FROM effects WHERE consumer = $1 GROUP BY xmin::text, order_id HAVING count(*) > 1) AS twice',
      },
      [name],
    );
    expect(twice!.count).toBe(0);
  });

  it('do nothing a second time when they are duplicates (D1)', async () => {
    const { name, ids } = await backlog(100);
    const first = await start(name, keeping(name));
    await isDone(name);
    await first.stop();
    const again = ids.map((id) => record(id));
    await producer.publish([...again, ...again, ...again]);
    await start(name, keeping(name));
    await isDone(name);

    expect(await idsOf(name)).toEqual(sorted([...ids, ...ids]));
  });

  it('keep their own flow, also what is done when they are committed', async () => {
    const { name } = await backlog();
    const told: string[] = [];
    const mixed: unknown[] = [];
    await start(name, {
      async react(event: Event<OrderCompleted>, transaction: Transaction) {
        await transaction.query(effect, [name, event.data.orderId, 1]);
        if (currentFlow()?.eventId !== event.eventId || currentFlow()?.correlationId !== event.correlationId) mixed.push(event.eventId);
        transaction.afterCommit(() => told.push(event.eventId));
      },
    });
    await isDone(name);

    expect(mixed).toEqual([]);
    expect(new Set(told).size).toBe(EVENTS);
    expect(told).toHaveLength(EVENTS);
  });
});

describe('one of them that fails', () => {
  /** A reaction that does its work, and then fails for some. */
  const failingFor = (
    name: string,
    some: ReadonlySet<string>,
    fail: (transaction: Transaction) => Promise<void>,
  ): AnyReaction<OrderCompleted> => ({
    async react({ data: { orderId } }: Event<OrderCompleted>, transaction: Transaction) {
      await transaction.query(effect, [name, orderId, 1]);
      if (some.has(orderId)) await fail(transaction);
    },
  });
  const broken = { name: 'broken', text: 'SELECT 1 / 0' };

  it.each([
    ['by an error of its own', async () => Promise.reject(new Error('no'))],
    ['by a statement', async (transaction: Transaction) => void (await transaction.query(broken))],
    [
      'by a statement whose error it hides',
      async (transaction: Transaction) => void (await transaction.query(broken).catch(() => undefined)),
    ],
  ])('%s is dead-lettered, and the others take effect once (D4)', async (_, fail) => {
    const { name, ids } = await backlog();
    const some = new Set(ids.filter((_id, i) => i % 60 === 7));
    await start(name, failingFor(name, some, fail), { retry: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 } });
    await eventually(async () => expect(await deadLetters(name)).toHaveLength(some.size), 60_000);
    await isDone(name);

    expect(await idsOf(name)).toEqual(sorted(ids.filter((id) => !some.has(id))));
    expect((await heldBy(name)).map(({ place, attempts }) => [place, attempts])).toEqual(Array.from(some, () => ['dlq', 4]));
  });

  it('for a while is tried again until it succeeds', async () => {
    const { name, ids } = await backlog();
    const failures = new Map<string, number>();
    await start(
      name,
      keeping(name, ({ data: { orderId } }) => {
        const before = failures.get(orderId) ?? 0;
        failures.set(orderId, before + 1);
        if (ids.indexOf(orderId) % 20 === 3 && before < 3) throw new Error('not yet');
      }),
    );
    await isDone(name);
    await eventually(async () => expect(await idsOf(name)).toEqual(sorted(ids)));
    expect(await deadLetters(name)).toEqual([]);
  });
});

describe('one of them that waits', () => {
  it('for somebody does not keep those that come later waiting', async () => {
    const { name, ids } = await backlog();
    const blocking = new Set(ids.slice(50, 53));
    let open!: () => void;
    const gate = new Promise<void>((resolve) => (open = resolve));
    let blocked = 0;
    await start(
      name,
      keeping(name, async ({ data: { orderId } }) => {
        if (!blocking.has(orderId)) return;
        blocked += 1;
        await gate;
      }),
    );

    await eventually(async () => expect((await effects(name)).length).toBeGreaterThan(EVENTS / 2));
    expect(blocked).toBeGreaterThan(0);
    open();
    await isDone(name);
    expect(await idsOf(name)).toEqual(sorted(ids));
  });

  it('behind an event of its aggregate is looked at by itself', async () => {
    const { name, ids } = await backlog(1);
    const [stuck] = ids;
    let mayPass = false;
    const reaction = keeping(name, ({ data: { orderId } }) => {
      if (orderId === stuck && !mayPass) throw new Error('stuck');
    });
    const consumer = await start(name, reaction, { retry: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 } });
    await eventually(async () => expect(await deadLetters(name)).toHaveLength(1));
    await consumer.stop();
    const others = newIds(100);
    await producer.publish([...others.slice(0, 50), stuck!, ...others.slice(50)].map((id) => record(id, { aggregateVersion: 2 })));
    mayPass = true;
    await start(name, reaction);
    await isDone(name);

    expect(await idsOf(name)).toEqual(sorted(others));
    expect((await heldBy(name)).map(({ place, version }) => [place, version])).toEqual([
      ['dlq', '1'],
      ['behind', '2'],
    ]);
  });
});

describe('a reaction that can do its work for many', () => {
  const many = { name: 'effects-of-many', text: 'INSERT INTO effects (consumer, order_id, version) SELECT $1, unnest($2::text[]), 1' };
  const batching = (name: string, sizes: number[], poison?: string): BatchReaction<OrderCompleted> => ({
    async react(event, transaction) {
      await this.reactToAll([event], transaction);
    },
    async reactToAll(events, transaction) {
      sizes.push(events.length);
      if (events.some(({ data }) => data.orderId === poison)) throw new Error('poison');
      await transaction.query(many, [name, events.map(({ data }) => data.orderId)]);
    },
  });

  it('is given all that wait at once, in no flow', async () => {
    const { name, ids } = await backlog();
    const sizes: number[] = [];
    await start(name, batching(name, sizes));
    await isDone(name);

    expect(await idsOf(name)).toEqual(sorted(ids));
    expect(Math.max(...sizes)).toBeGreaterThan(10);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(50);
  });

  it('is given each by itself when one of them fails', async () => {
    const { name, ids } = await backlog();
    const poison = ids[123];
    await start(name, batching(name, [], poison), { retry: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 } });
    await eventually(async () => expect(await deadLetters(name)).toHaveLength(1), 60_000);
    await isDone(name);

    expect(await idsOf(name)).toEqual(sorted(ids.filter((id) => id !== poison)));
  });
});

it('two instances share the work of a backlog, and nothing is done twice (D7)', async () => {
  const { name, ids } = await backlog(600);
  const first = await start(name, keeping(name));
  const second = await start(name, keeping(name));
  await eventually(async () => expect((await effects(name)).length).toBeGreaterThan(100));
  await first.stop();
  await isDone(name);
  await second.stop();

  expect(await idsOf(name)).toEqual(sorted(ids));
});
