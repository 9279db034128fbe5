import type { Database, Session } from '@past-tense/database';
import { firstIdAt } from '@past-tense/envelope';
import { weekOf, weeksBetween, type Week } from './week';

const WEEK_MS = 7 * 86_400_000;
const WEEKS_AHEAD = 2;
// Any number will do as long as every instance takes the same one.
const MAINTENANCE_LOCK = 7_278_466;

/**
 * Makes the partitions for every event id that may still arrive and drops those whose every id has outlived the TTL.
 * Call it at start and once a day. Claims go on meanwhile; of several instances one does the work.
 * @param ttlMs how long a processed event is remembered, milliseconds
 * @param nowMs the current time, milliseconds since 1970
 * @returns names of the partitions made and dropped
 */
export async function maintainPartitions(
  database: Database,
  ttlMs: number,
  nowMs = Date.now(),
): Promise<{ made: string[]; dropped: string[] }> {
  const session = await database.session();
  try {
    await session.query('SELECT pg_advisory_lock($1)', [MAINTENANCE_LOCK]);
    try {
      const existing = await partitionNames(session);
      const wanted = weeksBetween(nowMs - ttlMs, nowMs + WEEKS_AHEAD * WEEK_MS);
      const made = wanted.filter((week) => !existing.includes(nameOf(week)));
      for (const week of made) await make(session, week);
      const oldest = nameOf(weekOf(nowMs - ttlMs));
      const expired = existing.filter((name) => name < oldest);
      for (const name of expired) await drop(session, name);
      return { made: made.map(nameOf), dropped: expired };
    } finally {
      await session.query('SELECT pg_advisory_unlock($1)', [MAINTENANCE_LOCK]);
    }
  } finally {
    session.release();
  }
}

const nameOf = (week: Week) => `processed_events_${week.name}`;

async function partitionNames(session: Session): Promise<string[]> {
  const { rows } = await session.query<{ name: string }>(`
    SELECT relname AS name FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid
    WHERE inhparent = 'processed_events'::regclass ORDER BY relname`);
  return rows.map((row) => row.name);
}

/** Built beside the table and attached, because CREATE TABLE … PARTITION OF would stop every claim meanwhile. */
async function make(session: Session, week: Week): Promise<void> {
  const name = nameOf(week);
  await session.query(`CREATE TABLE IF NOT EXISTS ${name} (LIKE processed_events INCLUDING ALL)`);
  await session.query(`
    ALTER TABLE processed_events ATTACH PARTITION ${name} FOR VALUES FROM ('${firstIdAt(week.startMs)}') TO ('${firstIdAt(week.endMs)}')`);
}

/** Detached concurrently for the same reason; one whose detaching was cut short by a crash is finished first. */
async function drop(session: Session, name: string): Promise<void> {
  const { rows } = await session.query<{ pending: boolean }>(
    'SELECT inhdetachpending AS pending FROM pg_inherits WHERE inhrelid = $1::regclass',
    [name],
  );
  await session.query(`ALTER TABLE processed_events DETACH PARTITION ${name} ${rows[0]?.pending ? 'FINALIZE' : 'CONCURRENTLY'}`);
  await session.query(`DROP TABLE ${name}`);
}
