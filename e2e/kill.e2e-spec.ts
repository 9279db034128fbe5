import { SERVICES } from '@past-tense/local';
import { eventually } from '@past-tense/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { System, type PlacedOrder, type Wish } from './system';

const ORDERS = 200;
const wishOf = (i: number): Wish => (i % 10 === 3 ? 'declined' : i % 10 === 7 ? 'undeliverable' : 'happy');

let system: System;
beforeAll(async () => {
  system = await System.start({ OUTBOX_LEASE_MS: '2000' });
});
afterAll(() => system.end());

it('kill -9 of each service while 200 orders and more are under way: all end, none is charged or shipped twice, none is lost', async () => {
  const placed: { order: PlacedOrder; wish: Wish }[] = [];
  let killing = true;
  const placing = (async () => {
    while (killing || placed.length < ORDERS) {
      const wish = wishOf(placed.length);
      const order = await system.place(wish).catch(() => undefined); // orders itself is killed, too; a client tries again.
      if (order) placed.push({ order, wish });
      await sleep(100);
    }
  })();
  for (const service of SERVICES) {
    const before = placed.length;
    await eventually(() => expect(placed.length).toBeGreaterThanOrEqual(before + 15));
    await system.stack.service(service)!.kill();
    await system.stack.startService(service);
  }
  killing = false;
  await placing;
  for (const { order, wish } of placed) await system.untilOver(order, wish, 90_000);
  await system.untilOutboxesEmpty();

  const ended = await system.query<{ status: string; count: number }>(
    'orders',
    `SELECT status, count(*)::int AS count FROM orders GROUP BY status`,
  );
  expect(ended.map(({ status }) => status).sort()).toEqual(['cancelled', 'completed']); // Also those whose answer the client never got.
  for (const { kind, entries, references } of await system.books()) expect([kind, entries]).toEqual([kind, references]);
  const count = async (kind: string) =>
    (await system.books()).filter((totals) => totals.kind === kind && totals.accepted).reduce((sum, { entries }) => sum + entries, 0);
  const completed = ended.find(({ status }) => status === 'completed')!.count;
  expect(await count('parcel')).toBe(completed);
  expect(await count('capture')).toBe(completed + (await count('refund')));
  expect(await system.deadLetters()).toEqual([]);
});
