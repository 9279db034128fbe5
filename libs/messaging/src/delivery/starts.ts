import type { Database } from '@past-tense/database';
import { nameOf, type Message } from './message';

// Losing a count in a crash of PostgreSQL costs one more attempt, so nobody waits for the disk.
const note = {
  name: 'starts-note',
  text: `WITH quickly AS (SELECT set_config('synchronous_commit', 'off', true)),
              ended AS (DELETE FROM started_events USING quickly WHERE consumer = $1 AND origin = ANY($3))
         INSERT INTO started_events (consumer, origin, starts) SELECT $1, unnest($2::text[]), 1
         ON CONFLICT (consumer, origin) DO UPDATE SET starts = started_events.starts + 1, last_started_at = now()`,
};
// What is that old was handled by somebody who could not note its end.
const load = {
  name: 'starts-load',
  text: `WITH forgotten AS (DELETE FROM started_events WHERE consumer = $1 AND last_started_at < now() - interval '7 days')
         SELECT origin, starts FROM started_events WHERE consumer = $1`,
};
const ENDS_MAY_WAIT_MS = 300;

/**
 * Counts how often messages were begun, not only how often they were finished: a message that kills the process leaves no
 * other trace. Only messages that follow a new assignment are counted, because only they can have been begun before. What
 * begins at the same moment is noted together; an end is noted with the next beginning, or a little later.
 */
export class Starts {
  #before: Promise<ReadonlyMap<string, number>> | undefined;
  #beginning: { readonly origin: string; readonly noted: (error?: Error) => void }[] = [];
  #ended = new Set<string>();
  #noting = false;
  #timer: NodeJS.Timeout | undefined;

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

  /** Notes that an attempt at a message begins, before it does. */
  async begin({ arrived }: Message): Promise<void> {
    const origin = nameOf(arrived);
    if (this.#ended.delete(origin)) return; // Its last attempt is still noted as begun.
    await new Promise<void>((resolve, reject) => {
      this.#beginning.push({ origin, noted: (error) => (error ? reject(error) : resolve()) });
      void this.#note();
    });
  }

  /** Notes that the process has outlived an attempt at a message, whatever came of it. */
  end({ arrived }: Message): void {
    this.#ended.add(nameOf(arrived));
    this.#timer ??= setTimeout(() => void this.#note(), ENDS_MAY_WAIT_MS).unref();
  }

  /** Notes the ends that nobody has noted yet. */
  async stop(): Promise<void> {
    await this.#write().catch(() => undefined); // They are noted again when the messages are found to be done.
  }

  /** Writes down what is to be noted, all of it at once; what comes meanwhile is written after it. */
  async #note(): Promise<void> {
    if (this.#noting) return;
    this.#noting = true;
    do
      await this.#write().catch(() => undefined); // Whoever begins is told; ends are only a help.
    while (this.#beginning.length > 0);
    this.#noting = false;
  }

  async #write(): Promise<void> {
    const [beginning, ended] = [this.#beginning, this.#ended];
    this.#beginning = [];
    this.#ended = new Set();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (beginning.length === 0 && ended.size === 0) return;
    try {
      await this.database.query(note, [this.consumer, [...new Set(beginning.map(({ origin }) => origin))], [...ended]]);
      for (const { noted } of beginning) noted();
    } catch (error) {
      for (const { noted } of beginning) noted(error as Error);
      throw error;
    }
  }

  async #load(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.database.query<{ origin: string; starts: number }>(load, [this.consumer]);
    return new Map(rows.map(({ origin, starts }) => [origin, starts]));
  }
}
