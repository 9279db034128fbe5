import { maintainPartitions } from '@past-tense/dedup';
import { firstIdAt } from '@past-tense/envelope';
import { AGGREGATES, WARM_UP } from '../consuming';
import type { Comparison, Sample } from '../comparison';
import { makeConsumerTables, openConsumerDatabase } from '../consumer-database';
import type { Parts } from '../parts';
import type { MemoryOptions } from '../programs/memory';
import { runProgram } from '../start-program';

const ROWS = 20_000_000;
const CLAIMS = 20_000;
const CONSUMER = 'bench';
const WEEK_MS = 7 * 86_400_000;
/** Whole weeks that the table remembers at least. */
const WEEKS = 8;
const ROUNDS = 3;
const NEVER_LESS = `at least ${ROWS.toLocaleString('en')}`;

async function claims(parts: Parts, url: string): Promise<Sample> {
  const since = firstIdAt(Date.now()); // To count all rows would take long.
  const options: MemoryOptions = { url, consumer: CONSUMER, events: CLAIMS, warmUp: WARM_UP, aggregates: AGGREGATES, effects: false };
  const sample = await runProgram('memory', options);
  const [claimed] = await parts.sql<{ rows: number }>(
    `SELECT count(*)::int AS rows FROM processed_events WHERE event_id >= '${since}'`,
    url,
  );
  if (claimed!.rows !== WARM_UP + CLAIMS) throw new Error(`${claimed!.rows} of ${WARM_UP + CLAIMS} claims are there.`);
  return sample;
}

/** The table that is full, once for all rounds. A week of it is dropped in each. */
const full = new WeakMap<Parts, Promise<string>>();

function fullDatabase(parts: Parts): Promise<string> {
  let url = full.get(parts);
  if (!url) full.set(parts, (url = fill(parts)));
  return url;
}

/** Fills the table as time would: as many rows in each week, and in the current one as many as have come by now. */
async function fill(parts: Parts): Promise<string> {
  const name = parts.name('full').replaceAll('-', '_');
  await parts.sql(`CREATE DATABASE ${name}`);
  const url = parts.postgres.url(name);
  await makeConsumerTables(url, (WEEKS + ROUNDS) * WEEK_MS);
  const partitions = await parts.sql<{ name: string }>(
    `SELECT relname AS name FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid WHERE inhparent = 'processed_events'::regclass ORDER BY relname`,
    url,
  );
  const rows = Math.ceil(ROWS / WEEKS);
  for (const partition of partitions) {
    const monday = partition.name.slice(-8);
    await parts.sql(
      `INSERT INTO ${partition.name} (consumer, event_id, processed_at)
       SELECT '${CONSUMER}', uuidv7(make_interval(secs => extract(epoch FROM moment - clock_timestamp())::float8)), moment
       FROM (SELECT '${monday}T00:00:00Z'::timestamptz + i * interval '1 week' / ${rows} AS moment FROM generate_series(0, ${rows - 1}) AS i) AS moments
       WHERE moment < now()`,
      url,
    );
  }
  // What autovacuum would have done by the time a table is that large.
  await parts.sql('VACUUM ANALYZE processed_events', url);
  await parts.sql('CHECKPOINT');
  const [filled] = await parts.sql<{ rows: number }>('SELECT count(*)::int AS rows FROM processed_events', url);
  if (filled!.rows < ROWS + ROUNDS * rows) throw new Error(`The full table has only ${filled!.rows} rows.`);
  return url;
}

/** Drops the oldest week, as a service does once a day. */
async function dropWeek(parts: Parts, round: number): Promise<Sample> {
  const database = await openConsumerDatabase(await fullDatabase(parts));
  try {
    const startedAt = performance.now();
    const { dropped } = await maintainPartitions(database, (WEEKS + ROUNDS - 1 - round) * WEEK_MS);
    const dropMs = performance.now() - startedAt;
    if (dropped.length !== 1) throw new Error(`${dropped.length} partitions were dropped instead of one.`);
    return { values: { dropMs } };
  } finally {
    await database.close();
  }
}

export const dedup: Comparison = {
  name: 'dedup',
  title: 'Claiming among many',
  work: `${CLAIMS.toLocaleString('en')} claims of new events, ten at once, each in a transaction of its own, in a table that remembers ${NEVER_LESS} events, spread over its weeks, and in an empty one. In each round a week of the full one is dropped, ${Math.ceil(ROWS / WEEKS).toLocaleString('en')} rows.`,
  units: {
    perSecond: 'claims/s',
    dropMs: 'drop, ms',
    machineMsPerThousand: 'CPU of everything, ms per 1,000',
  },
  contenders: [
    { name: 'full', what: `${NEVER_LESS} rows`, run: async (parts) => claims(parts, await fullDatabase(parts)) },
    {
      name: 'empty',
      what: 'no row',
      run: (parts) =>
        parts.withDatabase(async (url) => {
          await makeConsumerTables(url, WEEKS * WEEK_MS);
          return await claims(parts, url);
        }),
    },
    { name: 'drop', what: 'the oldest week of the full one is detached and dropped, as a service does it once a day', run: dropWeek },
  ],
  goals: [
    { of: 'full', beside: 'empty', value: 'perSecond', atLeast: 0.9 },
    { of: 'drop', value: 'dropMs', atMost: 100 },
  ],
  rounds: ROUNDS,
};
