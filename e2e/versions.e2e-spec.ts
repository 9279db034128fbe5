import { isSealed, OrderPlaced, OrderPlacedV2, topicOf } from '@past-tense/contracts';
import type { ServiceName } from '@past-tense/local';
import { readTopic } from '@past-tense/messaging';
import { ask, eventually } from '@past-tense/testing';
import { System, type PlacedOrder, type Wish } from './system';

const NAME = 'order.OrderPlaced';
const [v1, v2] = [topicOf(OrderPlaced), topicOf(OrderPlacedV2)];
const WISHES: readonly Wish[] = ['happy', 'declined', 'undeliverable'];

let system: System;
beforeAll(async () => {
  system = await System.start();
});
afterAll(() => system.end());

/** Starts services again with other settings, all of them at once, as a deployment does; orders go on being worked on. */
async function restart(settings: Partial<Record<ServiceName, NodeJS.ProcessEnv>>): Promise<void> {
  await Promise.all(
    Object.entries(settings).map(async ([name, env]) => {
      await system.stack.service(name as ServiceName)!.stop(8_000);
      await system.stack.startService(name as ServiceName, env);
    }),
  );
}

const publishing = (versions: string) => ({ PUBLISHED_VERSIONS: `${NAME}=${versions}` });
const consuming = (stage: string) => ({ CONSUMED_VERSIONS: `${NAME}=${stage}` });

type Placed = PlacedOrder & { readonly wish: Wish };

async function place(count: number): Promise<Placed[]> {
  const placed: Placed[] = [];
  for (let i = 0; i < count; i += 1) {
    const wish = WISHES[i % WISHES.length]!;
    placed.push({ ...(await system.place(wish)), wish });
  }
  return placed;
}

/** What became of an order, without ids and times. */
async function outcomeOf({ orderId, wish }: Placed): Promise<object> {
  const entries = await system.untilOver({ orderId, correlationId: '' }, wish);
  const [payment] = await system.query<object>(
    'payments',
    'SELECT status, amount_minor_units, currency, token, decline_reason FROM payments WHERE order_id = $1',
    [orderId],
  );
  const [shipment] = await system.query<object>('shipping', 'SELECT status, address FROM shipments WHERE order_id = $1', [orderId]);
  const { body } = await ask(`${system.stack.url('sandbox')}/books/${orderId}`);
  const books = (body as { entries: { kind: string; accepted: boolean; calls: number }[] }).entries;
  return {
    facts: entries.map(({ topic }) => topic.replace(/-v\d+$/, '')),
    payment: unsealed(payment),
    shipment: unsealed(shipment),
    books: books.map(({ kind, accepted, calls }) => ({ kind, accepted, calls })),
  };
}

/** What is sealed anew for each order looks different each time; its length tells that of the text. */
function unsealed(row: object | undefined): unknown {
  return JSON.parse(JSON.stringify(row ?? null), (_, value: unknown) =>
    typeof value === 'string' && isSealed(value) ? `sealed, ${value.length} characters` : value,
  );
}

/** Waits until what became of an order is what became of one like it before. */
async function untilLike(order: Placed, expected: Record<string, object>): Promise<void> {
  await eventually(async () => expect(await outcomeOf(order)).toEqual(expected[order.wish]));
}

/** Orders that a service worked on, by the version of the event that took effect. */
async function tookEffect(service: ServiceName): Promise<Record<'v1' | 'v2', number>> {
  const text = (await ask(`${system.stack.url(service)}/metrics`)).body as string;
  const of = (eventType: string) =>
    text
      .split('\n')
      .filter((line) => line.startsWith('past_tense_schemas_accepted_total{') && line.includes(`event_type="${eventType}"`))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  return { v1: of(v1.eventType), v2: of(v2.eventType) };
}

async function shadowed(service: ServiceName): Promise<Record<string, number>> {
  const text = (await ask(`${system.stack.url(service)}/metrics`)).body as string;
  const lines = text.split('\n').filter((line) => line.startsWith('past_tense_shadow_comparisons_total{'));
  return Object.fromEntries(lines.map((line) => [/result="(\w+)"/.exec(line)![1]!, Number(line.split(' ').at(-1))]));
}

/** Keys of a topic's events, each as often as it is there. */
const published = async (topic: string) => (await readTopic(system.kafka, topic)).map(({ key }) => key!.toString());
const ids = (orders: readonly Placed[]) => orders.map(({ orderId }) => orderId).sort();

it('a new version of an event is brought in beside the old one, stage by stage, with the same outcome for every order (S4, Q1)', async () => {
  // v1 alone: the state before, and what every later order is compared with.
  const before = await place(3);
  for (const order of before) await system.untilOver(order, order.wish);
  await eventually(async () => expect(await system.lag()).toBe(0)); // The last fact may be heard of before the one before it, on another topic.
  const expected = Object.fromEntries(await Promise.all(before.map(async (order) => [order.wish, await outcomeOf(order)] as const)));

  // Published in both; one consumer in shadow, one as a canary, one already there.
  await restart({
    orders: publishing('v1+v2'),
    payments: consuming('canary:v2:50'),
    shipping: consuming('shadow:v2'),
    tracking: consuming('v2'),
  });
  const beside = await place(24);
  for (const order of beside) await untilLike(order, expected);
  expect((await published(v2.name)).sort()).toEqual(ids(beside));
  const canary = await tookEffect('payments');
  expect(canary.v1 + canary.v2).toBe(beside.length);
  expect(canary.v1).toBeGreaterThan(0);
  expect(canary.v2).toBeGreaterThan(0);
  expect(await tookEffect('shipping')).toEqual({ v1: beside.length, v2: 0 });
  expect(await tookEffect('tracking')).toEqual({ v1: 0, v2: beside.length });
  await eventually(async () => expect(await shadowed('shipping')).toEqual({ same: beside.length }));

  // The cut-over, while orders are on their way; then the old version is not published any more.
  const during = await place(6);
  await restart({ payments: consuming('v2'), shipping: consuming('v2') });
  const after = await place(6);
  await restart({ orders: publishing('v2') });
  const alone = await place(6);
  for (const order of [...during, ...after, ...alone]) await untilLike(order, expected);

  const old = await published(v1.name);
  expect(old.filter((key) => ids(alone).includes(key))).toEqual([]);
  expect(old.sort()).toEqual(ids([...before, ...beside, ...during, ...after]));
  for (const service of ['payments', 'shipping', 'tracking'] as const)
    expect(await system.query(service, 'SELECT event_type FROM left_versions')).toEqual([]);
  const totals = await system.books();
  for (const { entries, calls } of totals) expect(calls).toBe(entries);
});

it('a setting that names what a service does not have is one sentence at start', async () => {
  await system.stack.service('tracking')!.stop(8_000);

  await expect(system.stack.startService('tracking', consuming('v7'))).rejects.toThrow(
    /tracking cannot start\. CONSUMED_VERSIONS has .*order\.OrderPlaced=v7.*, but tracking reacts to order\.OrderPlaced in v1 and v2;/,
  );
});
