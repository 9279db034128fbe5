import type { Database, Session } from '@past-tense/database';
import { firstIdAt, timeOfId } from '@past-tense/envelope';
import { weekNamed, weekOf, weeksBetween, type Week } from './week';

const WEEK_MS = 7 * 86_400_000;
const WEEKS_AHEAD = 2;
const PREFIX = 'processed_events_';
// Any number will do as long as every instance takes the same one.
const MAINTENANCE_LOCK = 7_278_466;

/** What `maintainPartitions` did and found. */
export interface Maintained {
  /** Names of the partitions made and dropped. */
  readonly made: readonly string[];
  readonly dropped: readonly string[];
  /**
   * From when on the store knows every event that was processed, milliseconds since 1970. Later than the TTL says for a while after the TTL was
   * raised: what was forgotten by then does not come back.
   */
  readonly knownSinceMs: number;
}

interface Partition {
  readonly name: string;
  /** Its detaching was cut short: PostgreSQL does not look into it any more. */
  readonly pending: boolean;
}

/**
 * Makes the partitions for every event id that may still arrive and drops those whose every id has outlived the TTL.
 * Call it at start and once a day. Claims go on meanwhile; of several instances one does the work.
 * @param ttlMs how long a processed event is remembered, milliseconds
 * @param nowMs the current time, milliseconds since 1970
 */
export async function maintainPartitions(database: Database, ttlMs: number, nowMs = Date.now()): Promise<Maintained> {
  const session = await database.session();
  try {
    await session.query('SELECT pg_advisory_lock($1)', [MAINTENANCE_LOCK]);
    try {
      const existing = await partitions(session);
      const whole = existing.flatMap(({ name, pending }) => (pending ? [] : [name]));
      // A week before the first one was forgotten with its partition. An empty one in its place would say that nothing was processed then.
      const forgottenBeforeMs = whole[0] === undefined ? 0 : weekNamed(whole[0].slice(PREFIX.length)).startMs;
      const knownSinceMs = Math.max(weekOf(nowMs - ttlMs).startMs, forgottenBeforeMs);
      const made = weeksBetween(knownSinceMs, nowMs + WEEKS_AHEAD * WEEK_MS).filter((week) => !whole.includes(nameOf(week)));
      const oldest = nameOf(weekOf(knownSinceMs));
      const expired = existing.filter(({ name, pending }) => pending || name < oldest);
      for (const week of made) await make(session, week);
      for (const partition of expired) await drop(session, partition);
      return { made: made.map(nameOf), dropped: expired.map(({ name }) => name), knownSinceMs };
    } finally {
      await session.query('SELECT pg_advisory_unlock($1)', [MAINTENANCE_LOCK]);
    }
  } finally {
    session.release();
  }
}

/** Name of the partition that an event belongs to. */
export function partitionOf(eventId: string): string {
  return nameOf(weekOf(timeOfId(eventId)));
}

const nameOf = (week: Week) => `${PREFIX}${week.name}`;

/** The partitions there are, oldest first. */
async function partitions(session: Session): Promise<Partition[]> {
  const { rows } = await session.query<{ name: string; pending: boolean }>(`
    SELECT relname AS name, inhdetachpending AS pending FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid
    WHERE inhparent = 'processed_events'::regclass ORDER BY relname`);
  return rows;
}

/** Built beside the table and attached, because CREATE TABLE … PARTITION OF would stop every claim meanwhile. */
async function make(session: Session, week: Week): Promise<void> {
  const name = nameOf(week);
  await session.query(`CREATE TABLE IF NOT EXISTS ${name} (LIKE processed_events INCLUDING ALL)`);
  await session.query(`
    ALTER TABLE processed_events ATTACH PARTITION ${name} FOR VALUES FROM ('${firstIdAt(week.startMs)}') TO ('${firstIdAt(week.endMs)}')`);
}

/** Detached concurrently for the same reason; one whose detaching was cut short by a crash is finished first. */
async function drop(session: Session, { name, pending }: Partition): Promise<void> {
  await session.query(`ALTER TABLE processed_events DETACH PARTITION ${name} ${pending ? 'FINALIZE' : 'CONCURRENTLY'}`);
  await session.query(`DROP TABLE ${name}`);
}
