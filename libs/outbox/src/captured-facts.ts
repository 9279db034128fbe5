import { firstIdAt } from '@past-tense/envelope';
import type { Database } from '@past-tense/database';

interface Position {
  /** Where the write-ahead log ends now. */
  now: string;
  /** Whether a replication slot of an outbox has got past the place that was asked about; null if there is no slot. */
  passed: boolean | null;
}

const whereTheSlotIs = {
  name: 'outbox-slot',
  text: `SELECT pg_current_wal_insert_lsn()::text AS now,
                (SELECT bool_and(confirmed_flush_lsn > $1::pg_lsn) FROM pg_replication_slots
                 WHERE database = current_database() AND slot_type = 'logical' AND slot_name LIKE '%\\_outbox') AS passed`,
};
const deleteOlder = {
  name: 'outbox-delete-captured',
  text: 'DELETE FROM outbox WHERE id = ANY(ARRAY(SELECT id FROM outbox WHERE id < $1 ORDER BY id LIMIT $2)) RETURNING 1 AS deleted',
};
const BEGINNING = '0/0';

/**
 * Deletes facts that change data capture has published. It marks none of them, so that is known by the replication slot: once it has got
 * past a place in the write-ahead log, whatever was committed before that place was noted has been published. Without a slot, nothing is deleted.
 */
export class CapturedFacts {
  /** A place in the write-ahead log, and when it was its end. */
  #mark: { readonly lsn: string; readonly at: Date } | undefined;
  /** Facts from before this moment have been published. */
  #publishedBefore: Date | undefined;

  constructor(private readonly database: Database) {}

  /** Asks how far the slot has got. */
  async look(): Promise<void> {
    const at = new Date();
    const [position] = await this.database.query<Position>(whereTheSlotIs, [this.#mark?.lsn ?? BEGINNING]);
    if (!position || position.passed === null) {
      this.#mark = undefined;
      this.#publishedBefore = undefined;
      return;
    }
    if (this.#mark && !position.passed) return;
    this.#publishedBefore = this.#mark?.at;
    this.#mark = { lsn: position.now, at };
  }

  /** Deletes what has been published and is from before a moment; at most `limit`. Returns how many. */
  async delete(before: Date, limit: number): Promise<number> {
    if (!this.#publishedBefore) return 0;
    // A transaction that had begun when the place was noted may have committed behind it; by `before` it is long over.
    const bound = Math.min(before.getTime(), this.#publishedBefore.getTime() - MAX_TRANSACTION_MS);
    return (await this.database.query(deleteOlder, [firstIdAt(bound), limit])).length;
  }
}

// PostgreSQL ends transactions of ours that do nothing for ten seconds, and statements after fifteen.
const MAX_TRANSACTION_MS = 600_000;
