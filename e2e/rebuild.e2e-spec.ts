import { fact, ShipmentDelivered } from '@past-tense/contracts';
import { newId } from '@past-tense/envelope';
import { KafkaProducer } from '@past-tense/messaging';
import { aRecord, eventually } from '@past-tense/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { LAST, System, type PlacedOrder, type Wish } from './system';
import { runTool, Tool, type Ended } from './tool';

const WISHES: readonly Wish[] = ['happy', 'declined', 'undeliverable'];
const OVER_MS = 60_000;

let system: System;
beforeAll(async () => {
  system = await System.start();
});
afterAll(() => system.end());

interface Outcome {
  readonly id: string;
  readonly swapped: boolean;
  readonly equal: boolean;
  readonly counts: Record<string, number>;
  readonly comparison: { servingRows: number; copyRows: number }[];
}

const tool = (args: readonly string[], consumer = 'tracking') => new Tool(system, 'rebuild', ['--consumer', consumer, ...args]);
const ended = async (args: readonly string[], consumer?: string): Promise<Ended> => await tool(args, consumer).ended;
const outcomeOf = async (...args: readonly string[]) => await runTool<Outcome>(system, 'rebuild', ['--consumer', 'tracking', ...args]);

/** Does something again and again until it is told to stop. */
function meanwhile(work: () => Promise<void>): { stop(): Promise<void> } {
  let stopped = false;
  const running = (async () => {
    while (!stopped) {
      await work();
      await sleep(100); // They are there to be disturbed, not to take the processor from the rebuild.
    }
  })();
  return {
    async stop() {
      stopped = true;
      await running;
    },
  };
}

const untilHandled = () => eventually(async () => expect(await system.lag()).toBe(0));

it('orders flow while tracking is rebuilt; killed in the middle it goes on; readers see every order at every moment (R3)', async () => {
  const producer = new KafkaProducer(system.kafka);
  const delivered = Array.from({ length: 1_600 }, () => aRecord(fact(ShipmentDelivered, { shipmentId: newId(), orderId: newId() })));
  for (let i = 0; i < delivered.length; i += 500) await producer.publish(delivered.slice(i, i + 500));
  await producer.publish(delivered.slice(0, 20)); // The topics hold some events twice.
  await producer.disconnect();
  const over: { order: PlacedOrder; wish: Wish }[] = [];
  const placeOne = async (i: number) => {
    const wish = WISHES[i % WISHES.length]!;
    const order = await system.place(wish);
    await system.untilOver(order, wish, OVER_MS);
    over.push({ order, wish });
  };
  await Promise.all(Array.from({ length: 6 }, (_, i) => placeOne(i)));
  await untilHandled();

  let placed = 0;
  const buyers = Array.from({ length: 2 }, () => meanwhile(() => placeOne(placed++)));
  const missed: unknown[] = [];
  let reads = 0;
  const readers = Array.from({ length: 2 }, () =>
    meanwhile(async () => {
      const { order, wish } = over[reads++ % over.length]!;
      const { status, body } = await system.get('tracking', `/orders/${order.orderId}/timeline`);
      const topics = (body as { entries?: { topic: string }[] }).entries?.map(({ topic }) => topic) ?? [];
      if (status !== 200 || !topics.includes('order-placed') || !topics.includes(LAST[wish])) missed.push({ status, body });
    }),
  );

  const killed = tool(['--yes', '--why', 'a test']);
  const begun = () => system.query<{ id: string; steps: string; state: string }>('tracking', 'SELECT id, steps, state FROM rebuilds');
  await eventually(async () => expect(Number((await begun())[0]!.steps)).toBeGreaterThan(0), 90_000);
  await killed.kill();
  const [half] = await begun();
  expect(half).toMatchObject({ state: 'filling' });

  const outcome = await outcomeOf('--yes');
  expect(outcome).toMatchObject({ id: half!.id, swapped: true, equal: true, counts: { duplicates: 20, failed: 0, invalid: 0 } });
  const before = placed;
  await eventually(() => expect(placed).toBeGreaterThan(before + 3));
  for (const each of [...buyers, ...readers]) await each.stop();
  expect(missed).toEqual([]);
  expect(reads).toBeGreaterThan(100);

  // Whatever came before, during and after: it is all there, once.
  await untilHandled();
  const [{ events } = { events: 0 }] = await system.query<{ events: number }>('tracking', 'SELECT count(*)::int AS events FROM timeline');
  const again = await outcomeOf('--dry-run');
  expect(again).toMatchObject({ swapped: false, equal: true, comparison: [{ servingRows: events, copyRows: events }] });
  expect(again.id).not.toBe(outcome.id);

  const list = await ended(['list']);
  expect(list.out).toMatch(new RegExp(`${again.id} +filling[^\\n]*\\n${outcome.id} +swapped[^\\n]*a test`));
  expect(await ended(['drop', outcome.id, '--yes'])).toMatchObject({ code: 0 });
  expect(await system.query('tracking', `SELECT nspname FROM pg_namespace WHERE nspname LIKE 'before%'`)).toEqual([]);
});

it('a difference is found, named and refused; where it is wanted, the rebuild mends it', async () => {
  const [gone, changed] = await system.query<{ event_id: string }>('tracking', 'SELECT event_id FROM timeline ORDER BY event_id LIMIT 2');
  await system.query('tracking', 'DELETE FROM timeline WHERE event_id = $1', [gone!.event_id]);
  await system.query('tracking', `UPDATE timeline SET producer = 'nobody/1' WHERE event_id = $1`, [changed!.event_id]);

  const refused = await ended(['--yes']);
  expect(refused.code).toBe(1);
  expect(refused.complaints).toMatch(/^Nothing was swapped, because the two differ; .*--allow-differences\.\n$/);
  expect(refused.out).toContain(`only in the copy: {"event_id":"${gone!.event_id}"}`);
  expect(refused.out).toContain(`differs in producer: {"event_id":"${changed!.event_id}"}`);

  expect(await outcomeOf('--yes', '--allow-differences')).toMatchObject({ swapped: true, equal: false });
  const mended = await system.query('tracking', `SELECT producer <> 'nobody/1' AS mended FROM timeline WHERE event_id = ANY($1)`, [
    [gone!.event_id, changed!.event_id],
  ]);
  expect(mended).toEqual([{ mended: true }, { mended: true }]);
});

it('what cannot be rebuilt says why in one sentence', async () => {
  const payments = await ended(['--yes'], 'payments');
  expect([payments.code, payments.complaints]).toEqual([1, expect.stringMatching(/^payments is no projection: [^\n]*\n$/)]);
  const unasked = await ended([]);
  expect([unasked.code, unasked.complaints]).toEqual([1, 'Nobody can be asked here whether this is wanted; say so with --yes.\n']);
});
