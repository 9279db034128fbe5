import type { Database } from '@past-tense/database';
import { testDatabase } from '@past-tense/testing';
import fc from 'fast-check';
import { aJob, openDatabase, startInstance, type Instance } from './instance';

const STATUSES = ['PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED'] as const;
const RANK: Record<string, number> = { PENDING: 1, RUNNING: 2, SUCCEEDED: 3, FAILED: 3 };

type Operation =
  | { readonly does: 'start' | 'succeed' | 'fail'; readonly rollsBack: boolean }
  | { readonly does: 'sets'; readonly status: string; readonly fits: boolean }
  | { readonly does: 'runs'; readonly sql: string };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ does: fc.constantFrom('start' as const, 'succeed' as const, 'fail' as const), rollsBack: fc.boolean() }),
  fc.record({ does: fc.constant('sets' as const), status: fc.constantFrom(...STATUSES), fits: fc.boolean() }),
  fc.record({
    does: fc.constant('runs' as const),
    sql: fc.constantFrom(
      `UPDATE jobs SET owner = 'thief' WHERE id = $1`,
      `UPDATE jobs SET created_at = now() WHERE id = $1`,
      `UPDATE jobs SET started_at = clock_timestamp() WHERE id = $1`,
      `UPDATE jobs SET ended_at = clock_timestamp() WHERE id = $1`,
      `UPDATE jobs SET result = '{"forged": true}' WHERE id = $1`,
      `DELETE FROM jobs WHERE id = $1`,
    ),
  }),
);

/** A row that fits its status, as somebody with psql and a plan would write it. */
const FITTING: Record<string, string> = {
  PENDING: `status = 'PENDING', started_at = NULL, ended_at = NULL, result = NULL, failure_code = NULL, failure_detail = NULL`,
  RUNNING: `status = 'RUNNING', started_at = coalesce(started_at, clock_timestamp()), ended_at = NULL, result = NULL, failure_code = NULL, failure_detail = NULL`,
  SUCCEEDED: `status = 'SUCCEEDED', ended_at = clock_timestamp(), result = '{}', failure_code = NULL, failure_detail = NULL`,
  FAILED: `status = 'FAILED', ended_at = clock_timestamp(), result = NULL, failure_code = 'raw', failure_detail = 'raw'`,
};

interface Row {
  status: string;
  started_at: string | null;
  ended_at: string | null;
  about: string;
}

let one: Instance;
let other: Instance;
let watching: Database;
beforeAll(async () => {
  const url = await testDatabase();
  [one, other] = [await startInstance(url), await startInstance(url)];
  watching = await openDatabase(url);
});
afterAll(async () => {
  await Promise.all([one.close(), other.close(), watching.close()]);
});

/** Does it and says whether a lib call has ended the job for good. */
async function perform({ database, jobs }: Instance, id: string, operation: Operation): Promise<boolean> {
  if (operation.does === 'sets' || operation.does === 'runs') {
    const text =
      operation.does === 'runs'
        ? operation.sql
        : `UPDATE jobs SET ${operation.fits ? FITTING[operation.status] : `status = '${operation.status}'`} WHERE id = $1`;
    await database.entities.query(text, [id]).catch((error: { code?: string }) => {
      if (error.code !== '23514') throw error; // Refused, as it should be; anything else is not.
    });
    return false;
  }
  const rollback = new Error('rolled back');
  return database
    .transaction(async (transaction) => {
      const changed =
        operation.does === 'start'
          ? await jobs.start(transaction, id)
          : operation.does === 'succeed'
            ? await jobs.succeed(transaction, id, { by: 'lib' })
            : await jobs.fail(transaction, id, 'undeliverable');
      if (operation.rollsBack) throw rollback;
      return changed && operation.does !== 'start';
    })
    .catch((error: unknown) => {
      if (error === rollback) return false;
      throw error;
    });
}

async function snapshot(id: string): Promise<Row> {
  const rows = await watching.query<Row>(
    {
      name: 'snapshot',
      text: `SELECT status, started_at::text, ended_at::text,
                    to_jsonb(jobs) - '{status,started_at,ended_at,result,failure_code,failure_detail}'::text[] AS about_json,
                    to_jsonb(jobs)::text AS whole FROM jobs WHERE id = $1`,
    },
    [id],
  );
  const { about_json, whole, ...row } = rows[0] as unknown as Row & { about_json: unknown; whole: string };
  return { ...row, about: row.ended_at ? whole : JSON.stringify(about_json) };
}

describe('the history of a job (C3)', () => {
  it('only moves on, whatever is done to it by whoever at the same time', async () => {
    const reached = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(operation, { maxLength: 6 }), { minLength: 2, maxLength: 5 }), async (clients) => {
        const job = aJob();
        await one.database.transaction((transaction) => one.jobs.create(transaction, job));
        const history: Row[] = [await snapshot(job.id)];
        let done = false;
        const watched = (async () => {
          while (!done) history.push(await snapshot(job.id));
        })();
        const ends = await Promise.all(
          clients.map(async (operations, i) => {
            let ended = 0;
            for (const next of operations) ended += Number(await perform(i % 2 ? one : other, job.id, next));
            return ended;
          }),
        ).finally(() => (done = true));
        await watched;
        history.push(await snapshot(job.id));

        for (const [i, row] of history.entries()) {
          const before = history[i - 1] ?? row;
          reached.add(row.status);
          expect(RANK[row.status]).toBeGreaterThanOrEqual(RANK[before.status]!);
          if (before.started_at) expect(row.started_at).toBe(before.started_at);
          if (before.ended_at) expect(row).toEqual(before);
          else if (!row.ended_at) expect(row.about).toBe(before.about);
        }
        const byLib = ends.reduce((sum, ended) => sum + ended, 0);
        const announced: unknown[] = await watching.entities.query('SELECT 1 FROM announcements WHERE job = $1', [job.id]);
        expect(byLib).toBeLessThanOrEqual(1);
        expect(announced).toHaveLength(byLib);
      }),
      { numRuns: 60 },
    );
    expect([...reached].sort()).toEqual([...STATUSES].sort());
  });
});
