import { isConflict, type Database, type Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import type { TableComparison } from './comparison';
import { copySchemaOf } from './read-model';
import { RebuildRefusal } from './refusal';
import { quoted } from './sql';

/**
 * How a rebuild stands. While it is `filling`, its copy is kept and filled further by the next run; it is `comparing` while the consumer waits. After
 * it has `swapped`, the replaced tables stay until it is `dropped`.
 */
export type RebuildState = 'filling' | 'comparing' | 'swapped' | 'abandoned' | 'dropped';

/** What became of the messages that a rebuild has read. */
export interface RebuildCounts {
  /** Events that have taken effect in the copy. */
  readonly applied: number;
  /** Events that had done so before: the topics hold them more than once. */
  readonly duplicates: number;
  /** Versions of events that were left to another version, as the consumer leaves them. */
  readonly left: number;
  /** Dead letters that a person has given up: the consumer never handles them, and so the copy does not. */
  readonly discarded: number;
  /** Messages that are no event the consumer can read; it dead-letters them. */
  readonly invalid: number;
  /** Events whose reaction throws. */
  readonly failed: number;
}

/** A message that has no effect in the copy because something is wrong with it. */
export interface FailedMessage {
  readonly kind: 'invalid' | 'failed';
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly eventId?: string;
  readonly eventType?: string;
  /** Class and message of the error, without secrets. */
  readonly error: string;
}

/** One rebuild of the read model of a consumer. */
export interface RebuildRecord {
  readonly id: string;
  readonly consumer: string;
  readonly state: RebuildState;
  /** The build that fills the copy; another one must not go on with it, because half of the copy would be the other's. */
  readonly build: string;
  readonly by: string;
  readonly why: string;
  readonly startedAt: Date;
  /** Steps in which the copy was filled so far. Whoever takes the next one must be the one who took the last. */
  readonly steps: number;
  /** The next offset to be read of each partition, by `<topic>/<partition>`. */
  readonly positions: Readonly<Record<string, string>>;
  readonly counts: RebuildCounts;
  /** Some of the messages that have no effect. */
  readonly failures: readonly FailedMessage[];
  /** What the last comparison came to. */
  readonly comparison: readonly TableComparison[] | null;
  /** Where the tables are that were replaced. */
  readonly replacedSchema: string | null;
  readonly endedAt: Date | null;
}

/** What begins a rebuild. */
export interface RebuildStart {
  readonly build: string;
  readonly by: string;
  readonly why: string;
}

type RebuildRow = RebuildRecord & { readonly steps: string };

const NOTHING_DONE: RebuildCounts = { applied: 0, duplicates: 0, left: 0, discarded: 0, invalid: 0, failed: 0 };
const COLUMNS = `id, consumer, state, build, started_by AS by, why, started_at AS "startedAt", steps, positions, counts, failures, comparison,
  replaced_schema AS "replacedSchema", ended_at AS "endedAt"`;
const UNFINISHED = `state IN ('filling', 'comparing')`;

const all = { name: 'rebuilds', text: `SELECT ${COLUMNS} FROM rebuilds WHERE consumer = $1 ORDER BY id DESC LIMIT 100` };
const unfinished = { name: 'rebuild-unfinished', text: `SELECT ${COLUMNS} FROM rebuilds WHERE consumer = $1 AND ${UNFINISHED}` };
const byId = { name: 'rebuild-by-id', text: `SELECT ${COLUMNS} FROM rebuilds WHERE consumer = $1 AND id::text = $2` };
const insert = {
  name: 'rebuild-begin',
  text: `INSERT INTO rebuilds (id, consumer, state, build, started_by, why, counts) VALUES ($1, $2, 'filling', $3, $4, $5, $6)`,
};
const change = {
  name: 'rebuild-change',
  text: `UPDATE rebuilds SET state = $2, comparison = coalesce($3, comparison) WHERE id = $1 AND ${UNFINISHED}`,
};
const end = { name: 'rebuild-end', text: 'UPDATE rebuilds SET state = $2, ended_at = coalesce(ended_at, now()) WHERE id = $1' };

const LOCK = `hashtextextended('rebuild/' || $1, 0)`;
const OTHERS_MAY_END_MS = 2_000;

/** The rebuilds of one consumer, as its database knows them. */
export class Rebuilds {
  constructor(
    private readonly database: Database,
    readonly consumer: string,
  ) {}

  /**
   * Does something that only one process may do at a time: filling, swapping, dropping.
   * @param work is told by a signal if another one could begin meanwhile, because the connection that keeps others out was lost
   * @throws RebuildRefusal if another process is at it
   */
  async alone<T>(work: (lost: AbortSignal) => Promise<T>): Promise<T> {
    const session = await this.database.session();
    const lost = new AbortController();
    session.on('error', () =>
      lost.abort(new RebuildRefusal('The connection to PostgreSQL was lost. Run it again; it goes on where it ended.')),
    );
    try {
      // A process that was just killed keeps it for a moment.
      await session.query(`SET lock_timeout = ${OTHERS_MAY_END_MS}`);
      await session.query(`SELECT pg_advisory_lock(${LOCK})`, [this.consumer]).catch((error: unknown) => {
        if (!isConflict(error)) throw error;
        throw new RebuildRefusal(`Another process rebuilds ${this.consumer} right now; wait until it has ended, or end it.`);
      });
      try {
        return await work(lost.signal);
      } finally {
        await session.query(`SELECT pg_advisory_unlock(${LOCK})`, [this.consumer]).catch(() => undefined); // Lost with the connection, if that was.
      }
    } finally {
      session.release(true);
    }
  }

  /** The latest hundred, the newest first. */
  async list(): Promise<RebuildRecord[]> {
    return (await this.database.query<RebuildRow>(all, [this.consumer])).map(fromRow);
  }

  /** The one whose copy is not finished, if there is one. */
  async unfinished(): Promise<RebuildRecord | undefined> {
    return (await this.database.query<RebuildRow>(unfinished, [this.consumer])).map(fromRow)[0];
  }

  /**
   * Makes the record of a rebuild and the empty schema for its copy.
   * @throws RebuildRefusal if the schema cannot be made
   */
  async begin({ build, by, why }: RebuildStart): Promise<RebuildRecord> {
    const schema = copySchemaOf(this.consumer);
    await this.database.transaction(async (transaction) => {
      await transaction.query(insert, [newId(), this.consumer, build, by, why, JSON.stringify(NOTHING_DONE)]);
      await transaction.entities.query(`CREATE SCHEMA ${quoted(schema)}`).catch((error: unknown) => {
        throw new RebuildRefusal(
          `The schema ${schema} for the copy cannot be made: ${(error as Error).message}. If it is there and nobody's, drop it; if a permission is missing, grant CREATE on the database.`,
          { cause: error },
        );
      });
    });
    return (await this.unfinished())!;
  }

  /** Notes how an unfinished rebuild stands, and what its comparison came to. */
  async change(id: string, state: 'filling' | 'comparing', comparison?: readonly TableComparison[]): Promise<void> {
    await this.database.query(change, [id, state, comparison ? JSON.stringify(comparison) : null]);
  }

  /**
   * Gives up an unfinished rebuild and drops its copy.
   * @throws RebuildRefusal if it is none
   */
  async abandon(id: string): Promise<void> {
    const record = await this.#find(id);
    if (record.state !== 'filling' && record.state !== 'comparing')
      throw new RebuildRefusal(`Rebuild ${id} has ${record.state}; only an unfinished one can be abandoned.`);
    await this.#end(id, 'abandoned', [`DROP SCHEMA IF EXISTS ${quoted(copySchemaOf(this.consumer))} CASCADE`]);
  }

  /**
   * Drops the tables that a rebuild has replaced.
   * @throws RebuildRefusal if it has replaced none, or something still needs them
   */
  async drop(id: string): Promise<void> {
    const { state, replacedSchema } = await this.#find(id);
    if (state !== 'swapped' || replacedSchema === null)
      throw new RebuildRefusal(`Rebuild ${id} has ${state}; only what one that has swapped left behind can be dropped.`);
    const rows: { table: string }[] = await this.database.entities.query(
      'SELECT c.relname AS table FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = $2',
      [replacedSchema, 'r'],
    );
    const tables = rows.map(({ table }) => `${quoted(replacedSchema)}.${quoted(table)}`);
    await this.#end(id, 'dropped', [
      // All at once, because they may refer to each other; whatever else refers to them keeps them.
      ...(tables.length > 0 ? [`DROP TABLE ${tables.join(', ')}`] : []),
      `DROP SCHEMA IF EXISTS ${quoted(replacedSchema)}`,
    ]);
  }

  async #find(id: string): Promise<RebuildRecord> {
    const [row] = await this.database.query<RebuildRow>(byId, [this.consumer, id]);
    if (!row) throw new RebuildRefusal(`There is no rebuild ${id} of ${this.consumer}; list shows those there are.`);
    return fromRow(row);
  }

  async #end(id: string, state: RebuildState, statements: readonly string[]): Promise<void> {
    await this.database.transaction(async (transaction) => {
      for (const sql of statements)
        await transaction.entities.query(sql).catch((error: Error & { detail?: string }) => {
          throw new RebuildRefusal(`Not dropped: ${error.message}${error.detail ? ` (${error.detail})` : ''}.`, { cause: error });
        });
      await transaction.query(end, [id, state]);
    });
  }
}

/**
 * Notes in the transaction of a step how far a copy has got.
 * @param schema where the records are
 * @throws Error if another process took a step since
 */
export async function saveStep(transaction: Transaction, schema: string, record: RebuildRecord): Promise<void> {
  const step = {
    name: 'rebuild-step',
    text: `UPDATE ${quoted(schema)}.rebuilds SET steps = steps + 1, positions = $3, counts = $4, failures = $5 WHERE id = $1 AND steps = $2 AND ${UNFINISHED} RETURNING 1 AS saved`,
  };
  const { id, steps, positions, counts, failures } = record;
  const saved = await transaction.query(step, [id, steps, JSON.stringify(positions), JSON.stringify(counts), JSON.stringify(failures)]);
  if (saved.length === 0) throw new RebuildRefusal(`Another process works on rebuild ${id}, or it was abandoned; this one ends.`);
}

function fromRow(row: RebuildRow): RebuildRecord {
  return { ...row, steps: Number(row.steps) };
}
