import type { Database, Transaction } from '@past-tense/database';
import { nameOf, type Message } from '../delivery/message';

/** What came of an event that was fed again: an effect, nothing because it was there already, or it waits or is dead. */
export type ReplayResult = 'applied' | 'absorbed' | 'held';

// An event may be delivered twice, and one that waited may take effect later. Whatever took effect stays said.
const BETTER = `ON CONFLICT (replay_id, origin) DO UPDATE SET result = excluded.result, held_ids = excluded.held_ids
  WHERE replayed_events.result = 'held' OR (replayed_events.result = 'absorbed' AND excluded.result = 'applied')`;
const noteApplied = {
  name: 'replayed-applied',
  text: `INSERT INTO replayed_events (replay_id, origin, result) VALUES ($1, $2, 'applied') ${BETTER}`,
};
const noteOthers = {
  name: 'replayed-others',
  text: `INSERT INTO replayed_events (replay_id, origin, result, held_ids)
         SELECT DISTINCT ON (id, origin) id, origin, result, CASE result WHEN 'held' THEN string_to_array(held_ids, ' ') END
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS noted (id, origin, result, held_ids)
         ORDER BY id, origin ${BETTER}`,
};
const forgetOld = {
  name: 'replayed-forget-old',
  text: `DELETE FROM replayed_events USING replays WHERE replays.id = replay_id AND ended_at < $1 AND waiting = 0`,
};

interface Noted {
  readonly message: Message;
  readonly result: ReplayResult;
  readonly heldIds: readonly string[];
  readonly noted: (error?: Error) => void;
}

/** Notes what comes of events that are fed to a consumer again. What comes at the same moment is noted together. */
export class ReplayResults {
  #open: Noted[] = [];
  #noting = false;

  constructor(private readonly database: Database) {}

  /** Notes in the transaction of an event's effects that it took effect. */
  async applied(transaction: Transaction, { replayed, origin }: Message): Promise<void> {
    if (replayed) await transaction.query(noteApplied, [replayed.replayId, nameOf(origin)]);
  }

  /**
   * Notes that an event had no effect (yet).
   * @param heldIds names under which it may be held, if it waits or is dead; none of them has a blank
   * @throws what the database throws; nothing is noted then
   */
  async note(message: Message, result: ReplayResult, heldIds: readonly string[] = []): Promise<void> {
    if (!message.replayed) return;
    await new Promise<void>((resolve, reject) => {
      this.#open.push({ message, result, heldIds, noted: (error) => (error ? reject(error) : resolve()) });
      void this.#write();
    });
  }

  async #write(): Promise<void> {
    if (this.#noting) return;
    this.#noting = true;
    while (this.#open.length > 0) {
      const noting = this.#open.splice(0, 500);
      const values = [
        noting.map(({ message }) => message.replayed!.replayId),
        noting.map(({ message }) => nameOf(message.origin)),
        noting.map(({ result }) => result),
        noting.map(({ heldIds }) => heldIds.join(' ')),
      ];
      const error = await this.database.query(noteOthers, values).then(
        () => undefined,
        (caught: unknown) => caught as Error,
      );
      for (const { noted } of noting) noted(error);
    }
    this.#noting = false;
  }
}

/** Deletes what came of single events in replays that ended before a moment and have nothing open. What came of them together stays. */
export async function forgetReplayedBefore(database: Database, before: Date): Promise<void> {
  await database.query(forgetOld, [before]);
}
