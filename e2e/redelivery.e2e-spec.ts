import { KafkaProducer } from '@past-tense/messaging';
import type { KafkaRecord } from '@past-tense/outbox';
import { eventually } from '@past-tense/testing';
import { shuffled, System, type Wish } from './system';

const SEED = 20_261_120;
const wishes: Wish[] = Array.from({ length: 30 }, (_, i) => (i % 5 === 1 ? 'declined' : i % 5 === 3 ? 'undeliverable' : 'happy'));

let system: System;
let producer: KafkaProducer;
beforeAll(async () => {
  system = await System.start();
  producer = new KafkaProducer(system.kafka);
});
afterAll(async () => {
  await producer.disconnect();
  await system.end();
});

it('every event delivered three times more, shuffled, changes nothing, and nobody is charged twice (D1, D2)', async () => {
  const placed = await Promise.all(wishes.map((wish) => system.place(wish)));
  await Promise.all(placed.map((order, i) => system.untilOver(order, wishes[i]!)));
  await eventually(async () =>
    expect(
      (
        await system.query<{ id: string }>(
          'orders',
          `SELECT id FROM orders WHERE cancellation_reason = 'undeliverable' AND refunded_at IS NULL`,
        )
      ).length,
    ).toBe(0),
  );
  await system.untilOutboxesEmpty();
  const [state, books, events] = [await system.state(), await system.books(), await system.events()];
  expect(events).toHaveLength(18 * 4 + 6 * 3 + 6 * 5);

  const again = shuffled([...events, ...events, ...events], SEED).map((event): KafkaRecord => ({
    ...event,
    headers: event.headers as KafkaRecord['headers'],
  }));
  for (let i = 0; i < again.length; i += 50) await producer.publish(again.slice(i, i + 50));
  const marker = await system.place('happy');
  await system.untilOver(marker, 'happy');
  await eventually(async () => expect(await system.lag()).toBe(0));

  const rows = (snapshot: Record<string, unknown[]>) =>
    Object.entries(snapshot).map(([table, found]) => [table, found.filter((row) => !JSON.stringify(row).includes(marker.orderId))]);
  expect(rows(await system.state())).toEqual(rows(state));
  const after = await system.books();
  for (const before of books) {
    const one = before.accepted && before.kind !== 'refund' ? 1 : 0;
    expect(after).toContainEqual({
      ...before,
      entries: before.entries + one,
      references: before.references + one,
      calls: before.calls + one,
    });
  }
  expect((await system.events()).length).toBe(events.length * 4 + 4);
  expect(await system.deadLetters()).toEqual([]);
});
