import { serviceNamed, type Topic } from '@past-tense/contracts';
import { requireTtlBeyondReturn } from '@past-tense/dedup';
import type { ReactionClass } from '@past-tense/messaging';
import type { MessagingSettings } from './settings';

const DAY_MS = 86_400_000;

type WindowSettings = Pick<MessagingSettings, 'DEDUP_TTL_DAYS' | 'EARLY_LIMIT_MS' | 'RETRY_TIER_DELAYS_MS'>;

/**
 * How long a service remembers the events it processed: what its contract declares, or DEDUP_TTL_DAYS. Milliseconds.
 * @throws Error if no such service is declared
 */
export function ttlOf(service: string, { DEDUP_TTL_DAYS }: Pick<MessagingSettings, 'DEDUP_TTL_DAYS'>): number {
  return DEDUP_TTL_DAYS === undefined ? serviceNamed(service).remembersMs : DEDUP_TTL_DAYS * DAY_MS;
}

/**
 * Checks that a service recognises every event that may come again, with the settings in force: it holds none for longer than its contract
 * declares, and remembers each for as long as a topic keeps it and the service may hold it then.
 * @param consumed the topics of the events that the reactions react to
 * @returns the longest retention that a topic may have with these settings, milliseconds
 * @throws Error naming what is too long or too short, the days and the remedy
 */
export function requireDedupWindow(
  service: string,
  settings: WindowSettings,
  reactions: readonly ReactionClass<never>[],
  consumed: readonly Topic[],
): number {
  if (consumed.length === 0) return Infinity;
  const ttlMs = ttlOf(service, settings);
  const holdMs = longestHold(service, settings, reactions);
  requireTtlBeyondReturn(service, ttlMs, holdMs, consumed);
  return ttlMs - holdMs;
}

/** How long an event may be held: the longest patience of a reaction, and all retry tiers. Milliseconds. */
function longestHold(
  service: string,
  { EARLY_LIMIT_MS, RETRY_TIER_DELAYS_MS }: WindowSettings,
  reactions: readonly ReactionClass<never>[],
): number {
  const waits = reactions.map(({ name, patienceMs }) =>
    patienceMs === undefined ? { by: 'EARLY_LIMIT_MS', ms: EARLY_LIMIT_MS } : { by: `the patience of ${name}`, ms: patienceMs },
  );
  const longest = waits.reduce((a, b) => (b.ms > a.ms ? b : a));
  const tiersMs = RETRY_TIER_DELAYS_MS.reduce((sum, ms) => sum + ms, 0);
  const holdMs = longest.ms + tiersMs;
  const { holdsMs } = serviceNamed(service);
  if (holdMs <= holdsMs) return holdMs;
  throw new Error(
    `${service} may hold an event for ${days(holdMs)} days (${days(longest.ms)} by ${longest.by} and ${days(tiersMs)} by RETRY_TIER_DELAYS_MS), but its contract declares ${days(holdsMs)}; shorten one of them, or raise \`holds_days\` of ${service} in ownership.proto to ${Math.ceil(holdMs / DAY_MS)}.`,
  );
}

/** Days, with two decimals where they are not whole, rounded up: a limit that is exceeded must not look as if it were met. */
const days = (ms: number) => Math.ceil((ms / DAY_MS) * 100) / 100;
