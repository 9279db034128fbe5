import type { Database } from '@past-tense/database';
import { nameOf, type Message } from './message';

// Losing a count in a crash of PostgreSQL costs one more attempt, so nobody waits for the disk.
const begin = {
  name: 'starts-begin',
  text: `WITH quickly AS (SELECT set_config('synchronous_commit', 'off', true))
         INSERT INTO started_events (consumer, origin, starts) SELECT $1, $2, 1 FROM quickly
         ON CONFLICT (consumer, origin) DO UPDATE SET starts = started_events.starts + 1, last_started_at = now()`,
};
// What is that old was handled by somebody who could not note its end.
const load = {
  name: 'starts-load',
  text: `WITH forgotten AS (DELETE FROM started_events WHERE consumer = $1 AND last_started_at < now() - interval '7 days')
         SELECT origin, starts FROM started_events WHERE consumer = $1`,
};
const end = {
  name: 'starts-end',
  text: `WITH quickly AS (SELECT set_config('synchronous_commit', 'off', true))
         DELETE FROM started_events USING quickly WHERE consumer = $1 AND origin = $2`,
};

/**
 * Counts how often messages were begun, not only how often they were finished: a message that kills the process leaves no
 * other trace. Only messages that follow a new assignment are counted, because only they can have been begun before.
 */
export class Starts {
  #before: Promise<ReadonlyMap<string, number>> | undefined;

  constructor(
    private readonly database: Database,
    private readonly consumer: string,
  ) {}

  /** Forgets what was known of other processes; call it with every new assignment. */
  reset(): void {
    this.#before = undefined;
  }

  /** How often a message was begun before this assignment by a process that did not finish it. */
  async before({ arrived }: Message): Promise<number> {
    this.#before ??= this.#load();
    try {
      return (await this.#before).get(nameOf(arrived)) ?? 0;
    } catch (error) {
      this.#before = undefined;
      throw error;
    }
  }

  /** Notes that an attempt at a message begins. */
  async begin({ arrived }: Message): Promise<void> {
    await this.database.query(begin, [this.consumer, nameOf(arrived)]);
  }

  /** Notes that the process has outlived an attempt at a message, whatever came of it. */
  async end({ arrived }: Message): Promise<void> {
    await this.database.query(end, [this.consumer, nameOf(arrived)]);
  }

  async #load(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.database.query<{ origin: string; starts: number }>(load, [this.consumer]);
    return new Map(rows.map(({ origin, starts }) => [origin, starts]));
  }
}
