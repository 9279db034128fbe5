import type { Database, Transaction } from '@past-tense/database';
import type { Outcome } from './shadow';

/** What was tried out in shadow, as it is kept until the version that takes effect comes. */
type Tried = { readonly outcome: Outcome } | { readonly failed: string };

const wasLeft = {
  name: 'left-versions-has',
  text: 'SELECT 1 AS found FROM left_versions WHERE consumer = $1 AND event_id = $2 AND event_type = $3',
};
const note = {
  name: 'left-versions-note',
  text: `INSERT INTO left_versions (consumer, event_id, event_type, outcome) VALUES ($1, $2, $3, $4)
         ON CONFLICT (consumer, event_id, event_type) DO UPDATE SET outcome = excluded.outcome`,
};
const take = {
  name: 'left-versions-take',
  text: 'DELETE FROM left_versions WHERE consumer = $1 AND event_id = $2 RETURNING event_type, outcome',
};
const oldest = {
  name: 'left-versions-oldest',
  text: 'SELECT coalesce(extract(epoch FROM now() - min(left_at)), 0)::float AS seconds FROM left_versions WHERE consumer = $1',
};
const forgetOld = { name: 'left-versions-forget-old', text: 'DELETE FROM left_versions WHERE left_at < $1' };

/** Notes about versions of events that were left to another version which has not come yet. */
export class LeftVersions {
  constructor(private readonly consumer: string) {}

  async has(transaction: Transaction, eventId: string, eventType: string): Promise<boolean> {
    return (await transaction.query(wasLeft, [this.consumer, eventId, eventType])).length > 0;
  }

  /** @param tried what would have come of it, or the error */
  async note(transaction: Transaction, eventId: string, eventType: string, tried: Outcome | Error | undefined): Promise<void> {
    const row: Tried | undefined = tried && (tried instanceof Error ? { failed: tried.name } : { outcome: tried });
    await transaction.query(note, [this.consumer, eventId, eventType, row ? JSON.stringify(row) : null]);
  }

  /** Ends the notes about an event and returns them. */
  async take(transaction: Transaction, eventId: string): Promise<{ eventType: string; tried: Outcome | Error | undefined }[]> {
    const rows = await transaction.query<{ event_type: string; outcome: Tried | null }>(take, [this.consumer, eventId]);
    return rows.map(({ event_type: eventType, outcome }) => ({ eventType, tried: outcome ? triedIn(outcome) : undefined }));
  }

  /** Seconds since the oldest note; 0 if there is none. */
  async oldestSeconds(database: Database): Promise<number> {
    return (await database.query<{ seconds: number }>(oldest, [this.consumer]))[0]!.seconds;
  }
}

/** Deletes notes from before a moment at which every version of their events has left Kafka. */
export async function forgetLeftBefore(database: Database, before: Date): Promise<void> {
  await database.query(forgetOld, [before]);
}

function triedIn(row: Tried): Outcome | Error {
  return 'outcome' in row ? row.outcome : Object.assign(new Error(), { name: row.failed });
}
