import { requireTtlBeyondReturn } from './processed-events';

const DAY_MS = 86_400_000;
const topics = [
  { name: 'payment-captured', retentionMs: 30 * DAY_MS },
  { name: 'order-placed', retentionMs: 90 * DAY_MS },
  { name: 'order-cancelled', retentionMs: 60 * DAY_MS },
];

describe('a TTL', () => {
  it('that is as long as the longest retention and the longest hold together is enough', () => {
    expect(() => requireTtlBeyondReturn('shipping', 121 * DAY_MS, 31 * DAY_MS, topics)).not.toThrow();
    expect(() => requireTtlBeyondReturn('shipping', DAY_MS, 31 * DAY_MS, [])).not.toThrow();
  });

  it.each([
    ['a day', 120 * DAY_MS, 31 * DAY_MS, 'for 120 days', 'up to 31 more', 'to 121 or more.'],
    ['the last quarter of an hour', 90 * DAY_MS, 900_000, 'for 90 days', 'up to 1 more', 'to 91 or more.'],
  ])('that is shorter by %s is refused, naming the topic, the days and the remedy', (_, ttlMs, holdMs, ...parts) => {
    const check = () => requireTtlBeyondReturn('shipping', ttlMs, holdMs, topics);

    expect(check).toThrow('but order-placed keeps events for 90 days and shipping may hold one for');
    for (const part of parts) expect(check).toThrow(part);
  });
});
