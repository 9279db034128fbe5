import type { Transaction } from '@past-tense/database';
import { timeOfId } from '@past-tense/envelope';
import { partitionOf } from './partitions';

const AHEAD_MS = 7 * 86_400_000;

const claim = {
  name: 'processed-events-claim',
  text: 'INSERT INTO processed_events (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1 AS claimed',
};
const claimIfKept = {
  name: 'processed-events-claim-if-kept',
  text: `INSERT INTO processed_events (consumer, event_id)
         SELECT $1::text, $2::uuid WHERE EXISTS (SELECT 1 FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
           WHERE inhparent = 'processed_events'::regclass AND relname = $3 AND NOT inhdetachpending)
         ON CONFLICT DO NOTHING`,
};
const find = { name: 'processed-events-find', text: 'SELECT 1 AS found FROM processed_events WHERE consumer = $1 AND event_id = $2' };

/** An event so old (or so far in the future) that the store cannot know whether it was processed. */
export class OutsideDedupWindowError extends Error {
  override name = 'OutsideDedupWindowError';
}

/** What one consumer has already processed. */
export class ProcessedEvents {
  constructor(
    private readonly consumer: string,
    /** How long a processed event is remembered, milliseconds. */
    private readonly ttlMs: number,
    /** From when on the store knows what was processed (see `maintainPartitions`), milliseconds since 1970; ever since, if left out. */
    private readonly knownSinceMs = 0,
  ) {}

  /**
   * Claims an event in the transaction of its effects: true for the first to do so, false for a duplicate. A rollback takes
   * the claim back. Of two transactions that claim the same event at once, the second waits for the first to end.
   * @throws OutsideDedupWindowError if the id is older than the TTL, or from the future
   */
  async claim(transaction: Transaction, eventId: string): Promise<boolean> {
    this.requireInWindow(eventId);
    const rows = await transaction.query(claim, [this.consumer, eventId]);
    return rows.length === 1;
  }

  /**
   * What a generation of the consumer has processed. The first one is the consumer as it runs; a later one derives again what it is given, and
   * remembers that apart.
   */
  ofGeneration(generation: number): ProcessedEvents {
    return new ProcessedEvents(generationOf(this.consumer, generation), this.ttlMs, this.knownSinceMs);
  }

  /** Whether an event has been processed. */
  async has(transaction: Transaction, eventId: string): Promise<boolean> {
    const rows = await transaction.query(find, [this.consumer, eventId]);
    return rows.length === 1;
  }

  /**
   * Refuses an event of which the store cannot know whether it was processed.
   * @throws OutsideDedupWindowError if the id is older than the TTL, or from the future
   */
  requireInWindow(eventId: string): void {
    const ageMs = Date.now() - timeOfId(eventId);
    const windowMs = Math.min(this.ttlMs, Date.now() - this.knownSinceMs);
    if (ageMs > windowMs) {
      throw new OutsideDedupWindowError(
        `the event is ${days(ageMs)} days old, and ${this.consumer} remembers processed events for ${days(windowMs)} days; it could have been processed before`,
      );
    }
    if (-ageMs > AHEAD_MS) throw new OutsideDedupWindowError(`the event id was made ${days(-ageMs)} days in the future`);
  }
}

/** The name under which a later generation of a consumer remembers what it has processed. */
export function generationOf(consumer: string, generation: number): string {
  return `${consumer}@${generation}`;
}

/**
 * Takes an event for processed, so that its consumer never handles it. One that the store has forgotten is left out: its age refuses it.
 * @param consumer whose event it is
 */
export async function claimForGood(transaction: Transaction, consumer: string, eventId: string): Promise<void> {
  await transaction.query(claimIfKept, [consumer, eventId, partitionOf(eventId)]);
}

/**
 * Refuses a TTL after which an event may still come again. On the last day of its topic it may be replayed, and held by the consumer from then on
 * before it is processed: TTL >= retention + longest hold, for each topic.
 * @param longestHoldMs how long the consumer may hold an event, milliseconds: waiting early, and all retry tiers
 * @throws Error naming the topic with the longest retention, the days and the remedy
 */
export function requireTtlBeyondReturn(
  consumer: string,
  ttlMs: number,
  longestHoldMs: number,
  topics: readonly { readonly name: string; readonly retentionMs: number }[],
): void {
  const [longest] = [...topics].sort((a, b) => b.retentionMs - a.retentionMs);
  if (!longest || longest.retentionMs + longestHoldMs <= ttlMs) return;
  const least = wholeDays(longest.retentionMs + longestHoldMs);
  throw new Error(
    `${consumer} remembers processed events for ${days(ttlMs)} days, but ${longest.name} keeps events for ${days(longest.retentionMs)} days and ${consumer} may hold one for up to ${wholeDays(longestHoldMs)} more, so one could come again after it was forgotten; set DEDUP_TTL_DAYS to ${least} or more.`,
  );
}

const days = (ms: number) => Math.round(ms / 86_400_000);
/** Days that are needed for it, a part of one counted as one. */
const wholeDays = (ms: number) => Math.ceil(ms / 86_400_000);
