import { OrderCancelled, OrderPlaced, topicOf } from '@past-tense/contracts';
import { ReactsTo, type Reaction } from '@past-tense/messaging';
import { requireDedupWindow, ttlOf } from './dedup-window';

const DAY_MS = 86_400_000;

@ReactsTo(OrderPlaced)
class Hasty implements Reaction<OrderPlaced> {
  async react(): Promise<void> {}
}
@ReactsTo(OrderCancelled)
class Patient implements Reaction<OrderCancelled> {
  static readonly patienceMs = 30 * DAY_MS;
  async react(): Promise<void> {}
}
@ReactsTo(OrderCancelled)
class VeryPatient implements Reaction<OrderCancelled> {
  static readonly patienceMs = 31 * DAY_MS;
  async react(): Promise<void> {}
}

const consumed = [topicOf(OrderPlaced), topicOf(OrderCancelled)];
const settings = { DEDUP_TTL_DAYS: undefined, EARLY_LIMIT_MS: 300_000, RETRY_TIER_DELAYS_MS: [5_000, 60_000, 600_000] };
const check = (change: Partial<Parameters<typeof requireDedupWindow>[1]> = {}, reactions = [Hasty, Patient]) =>
  requireDedupWindow('payments', { ...settings, ...change }, reactions, consumed);

describe('for how long a service remembers what it processed', () => {
  it('is what its contract declares, or what is set', () => {
    expect(ttlOf('payments', settings)).toBe(150 * DAY_MS);
    expect(ttlOf('payments', { DEDUP_TTL_DAYS: 200 })).toBe(200 * DAY_MS);
  });

  it('leaves room for a retention that was raised already, as long as everything is recognised', () => {
    expect(check()).toBe(150 * DAY_MS - 30 * DAY_MS - 665_000);
    expect(check({ DEDUP_TTL_DAYS: 121 })).toBe(121 * DAY_MS - 30 * DAY_MS - 665_000);
    expect(requireDedupWindow('orders', settings, [], [])).toBe(Infinity);
  });

  it('must cover the retention and the longest hold with the settings in force', () => {
    expect(() => check({ DEDUP_TTL_DAYS: 120 })).toThrow(
      'payments remembers processed events for 120 days, but order-placed keeps events for 90 days and payments may hold one for up to 31 more, so one could come again after it was forgotten; set DEDUP_TTL_DAYS to 121 or more.',
    );
    expect(() => check({ DEDUP_TTL_DAYS: 91 }, [Hasty])).not.toThrow();
    expect(() => check({ DEDUP_TTL_DAYS: 90 }, [Hasty])).toThrow('set DEDUP_TTL_DAYS to 91 or more.');
  });
});

describe('for how long a service may hold an event', () => {
  it.each([
    [
      'the patience of a reaction',
      () => check({}, [Hasty, VeryPatient]),
      'payments may hold an event for 31.01 days (31 by the patience of VeryPatient and 0.01 by RETRY_TIER_DELAYS_MS), but its contract declares 31;',
    ],
    [
      'the retry tiers',
      () => check({ RETRY_TIER_DELAYS_MS: [1, 2, 40 * DAY_MS] }),
      'payments may hold an event for 70.01 days (30 by the patience of Patient and 40.01 by RETRY_TIER_DELAYS_MS), but its contract declares 31; shorten one of them, or raise `holds_days` of payments in ownership.proto to 71.',
    ],
    [
      'the limit of early events',
      () => requireDedupWindow('shipping', { ...settings, EARLY_LIMIT_MS: DAY_MS }, [Hasty], [topicOf(OrderPlaced)]),
      'shipping may hold an event for 1.01 days (1 by EARLY_LIMIT_MS and 0.01 by RETRY_TIER_DELAYS_MS), but its contract declares 1;',
    ],
  ])('must be what its contract declares at most: %s', (_, check, sentence) => {
    expect(check).toThrow(sentence);
  });
});
