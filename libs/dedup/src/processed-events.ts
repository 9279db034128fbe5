import type { Transaction } from '@past-tense/database';
import { timeOfId } from '@past-tense/envelope';

const AHEAD_MS = 7 * 86_400_000;

const claim = {
  name: 'processed-events-claim',
  text: 'INSERT INTO processed_events (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1 AS claimed',
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
    if (ageMs > this.ttlMs) {
      throw new OutsideDedupWindowError(
        `the event is ${days(ageMs)} days old, and ${this.consumer} remembers processed events for ${days(this.ttlMs)} days; it could have been processed before`,
      );
    }
    if (-ageMs > AHEAD_MS) throw new OutsideDedupWindowError(`the event id was made ${days(-ageMs)} days in the future`);
  }
}

/**
 * Refuses a TTL that is not longer than the retention of every consumed topic: an event that is still on a topic could be
 * replayed after it was forgotten.
 * @throws Error naming the topic
 */
export function requireTtlBeyondRetention(consumer: string, ttlMs: number, topics: readonly { name: string; retentionMs: number }[]): void {
  for (const topic of topics) {
    if (ttlMs > topic.retentionMs) continue;
    throw new Error(
      `${consumer} remembers processed events for ${days(ttlMs)} days, but ${topic.name} keeps events for ${days(topic.retentionMs)} days and could replay one after it was forgotten; raise DEDUP_TTL_DAYS above ${days(topic.retentionMs)}.`,
    );
  }
}

const days = (ms: number) => Math.round(ms / 86_400_000);
