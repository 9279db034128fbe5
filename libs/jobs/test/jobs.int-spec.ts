import { newId } from '@past-tense/envelope';
import { eventually, testDatabase } from '@past-tense/testing';
import type { Job, NewJob } from '../src/index';
import { aJob, BREAKS, startInstance, type Instance } from './instance';

let url: string;
let service: Instance;
beforeAll(async () => {
  url = await testDatabase();
  service = await startInstance(url);
});
afterAll(() => service.close());

async function created(change: Partial<NewJob> = {}): Promise<Job> {
  return service.database.transaction((transaction) => service.jobs.create(transaction, aJob(change)));
}
const start = (id: string) => service.database.transaction((transaction) => service.jobs.start(transaction, id));
const succeed = (id: string, result = {}) => service.database.transaction((transaction) => service.jobs.succeed(transaction, id, result));
const fail = (id: string, detail?: string) =>
  service.database.transaction((transaction) => service.jobs.fail(transaction, id, 'payment-declined', detail));
const sql = (text: string, values: unknown[] = []): Promise<unknown> => service.database.entities.query(text, values);
const announced = async (id: string) => sql('SELECT status, code FROM announcements WHERE job = $1', [id]);

describe('a job', () => {
  it('is created PENDING and found again', async () => {
    const asked = aJob();
    const job = await created(asked);

    expect(job).toMatchObject({ ...asked, status: 'PENDING' });
    expect(job.expiresAt.getTime() - job.createdAt.getTime()).toBe(3_600_000);
    expect(await service.jobs.find(job.id)).toEqual(job);
    expect(await service.jobs.find(newId())).toBeUndefined();
  });

  it('runs and succeeds with a result', async () => {
    const { id } = await created();

    expect(await start(id)).toBe(true);
    expect(await service.jobs.find(id)).toMatchObject({ status: 'RUNNING', startedAt: expect.any(Date) as Date });
    expect(await succeed(id, { trackingNumber: 'PT1', note: 'a\0b\uD800' })).toBe(true);
    expect(await service.jobs.find(id)).toMatchObject({ status: 'SUCCEEDED', result: { trackingNumber: 'PT1', note: 'a\uFFFDb\uFFFD' } });
    expect(await announced(id)).toEqual([{ status: 'SUCCEEDED', code: null }]);
  });

  it('fails, from PENDING too, with what can be done about it', async () => {
    const { id } = await created();

    expect(await fail(id)).toBe(true);
    const job = await service.jobs.find(id);
    expect(job).toMatchObject({ status: 'FAILED', startedAt: undefined });
    expect(job!.failure).toEqual({
      code: 'payment-declined',
      detail: 'The payment was declined.',
      action: 'Use another means of payment.',
    });
    expect(await announced(id)).toEqual([{ status: 'FAILED', code: 'payment-declined' }]);
  });

  it('is not moved by what is heard again, late or of a job that is not known (R4)', async () => {
    const { id } = await created();
    await start(id);
    expect(await start(id)).toBe(false);
    await succeed(id, { first: true });
    const ended = await service.jobs.find(id);

    expect([await start(id), await succeed(id, { second: true }), await fail(id, 'too late')]).toEqual([false, false, false]);
    expect([await start(newId()), await succeed(newId()), await fail(newId())]).toEqual([false, false, false]);
    expect(await service.jobs.find(id)).toEqual(ended);
    expect(await announced(id)).toHaveLength(1);
  });

  it('fails only with a code of the catalogue', async () => {
    const { id } = await created();
    const failWith = (code: string) => service.database.transaction((transaction) => service.jobs.fail(transaction, id, code as never));

    await expect(failWith('whatever')).rejects.toThrow('whatever is not a failure code of this service');
    await expect(failWith('timed-out')).rejects.toThrow('timed-out is not a failure code of this service');
    expect(await service.jobs.find(id)).toMatchObject({ status: 'PENDING' });
  });

  it('stays as it was when the transaction is rolled back, and nobody is told', async () => {
    const { id } = await created();
    const told: Job[] = [];
    service.jobs.watch((job) => told.push(job));
    const failing = service.database.transaction(async (transaction) => {
      await service.jobs.succeed(transaction, id, {});
      throw new Error('something else');
    });

    await expect(failing).rejects.toThrow('something else');
    expect(await service.jobs.find(id)).toMatchObject({ status: 'PENDING' });
    expect(await announced(id)).toEqual([]);
    expect(told.filter((job) => job.id === id)).toEqual([]);
  });

  it('does not end if its listener fails', async () => {
    const { id } = await created({ kind: BREAKS });

    await expect(succeed(id)).rejects.toThrow('this one cannot be announced');
    expect(await service.jobs.find(id)).toMatchObject({ status: 'PENDING' });
  });

  it('does not end before it began, even if the transaction that ends it is the older one', async () => {
    const asked = aJob();
    await service.database.transaction(async (older) => {
      await older.entities.query('SELECT now()');
      await service.database.transaction((transaction) => service.jobs.create(transaction, asked));
      expect(await service.jobs.start(older, asked.id)).toBe(true);
      expect(await service.jobs.succeed(older, asked.id)).toBe(true);
    });
    expect(await sql('SELECT created_at <= started_at AND started_at <= ended_at AS ordered FROM jobs WHERE id = $1', [asked.id])).toEqual([
      { ordered: true },
    ]);
  });
});

describe('the database', () => {
  const FAILED = "status = 'FAILED', failure_code = 'c', failure_detail = 'd', ended_at = clock_timestamp()";
  const SUCCEEDED = "status = 'SUCCEEDED', result = '{}', ended_at = clock_timestamp()";

  it.each([
    ['RUNNING without a start', "status = 'RUNNING'"],
    ['an end without a time', "status = 'SUCCEEDED', result = '{}'"],
    ['a time without an end', 'ended_at = clock_timestamp()'],
    ['an end before the beginning', "status = 'SUCCEEDED', result = '{}', ended_at = created_at - interval '1 second'"],
    ['a success without a result', "status = 'SUCCEEDED', ended_at = clock_timestamp()"],
    ['a result that is no object', "status = 'SUCCEEDED', result = '[]', ended_at = clock_timestamp()"],
    ['a failure without a code', "status = 'FAILED', ended_at = clock_timestamp()"],
    ['a success with a code', `${SUCCEEDED}, failure_code = 'c', failure_detail = 'd'`],
    ['a status nobody knows', "status = 'DONE'"],
    ['a start without RUNNING', 'started_at = clock_timestamp()'],
    ['another id', 'id = gen_random_uuid()'],
    ['another kind', "kind = 'other'"],
    ['another owner', "owner = 'other'"],
    ['another subject', 'subject = gen_random_uuid()'],
    ['another flow', 'correlation_id = gen_random_uuid()'],
    ['another creation', "created_at = created_at - interval '1 second'"],
  ])('refuses %s', async (_, change) => {
    const { id } = await created();

    await expect(sql(`UPDATE jobs SET ${change} WHERE id = $1`, [id])).rejects.toMatchObject({ code: '23514' });
  });

  it.each(["status = 'PENDING', started_at = NULL", "started_at = started_at + interval '1 second'", `${FAILED}, started_at = NULL`])(
    'refuses to take back that a job runs: %s',
    async (change) => {
      const { id } = await created();
      await start(id);

      await expect(sql(`UPDATE jobs SET ${change} WHERE id = $1`, [id])).rejects.toMatchObject({ code: '23514' });
    },
  );

  it.each([
    "status = 'RUNNING', result = NULL, ended_at = NULL",
    `${FAILED}, result = NULL`,
    'result = \'{"other": 1}\'',
    "ended_at = ended_at + interval '1 second'",
    "expires_at = expires_at + interval '1 second'",
  ])('refuses to change a job that has ended: %s', async (change) => {
    const { id } = await created();
    await start(id);
    await succeed(id);

    await expect(sql(`UPDATE jobs SET ${change} WHERE id = $1`, [id])).rejects.toMatchObject({ code: '23514' });
    const replica = sql(`SET LOCAL session_replication_role = replica; UPDATE jobs SET ${change} WHERE id = '${id}'`);
    await expect(replica).rejects.toMatchObject({ code: '23514' });
  });

  it('refuses to delete a job that is open or has ended only now, and to make one that has ended already', async () => {
    const open = await created();
    const ended = await created();
    await succeed(ended.id);

    await expect(sql('DELETE FROM jobs WHERE id = $1', [open.id])).rejects.toMatchObject({ code: '23514' });
    await expect(sql('DELETE FROM jobs WHERE id = $1', [ended.id])).rejects.toMatchObject({ code: '23514' });
    const copy = `INSERT INTO jobs SELECT gen_random_uuid(), kind, owner, subject, correlation_id, status, result, failure_code, failure_detail,
                  created_at, started_at, ended_at, expires_at FROM jobs WHERE id = $1`;
    await expect(sql(copy, [ended.id])).rejects.toMatchObject({ code: '23514' });
  });

  it('lets a job go that ended a month ago', async () => {
    const id = newId();
    await sql(
      `INSERT INTO jobs (id, kind, owner, subject, correlation_id, created_at, expires_at)
       VALUES ($1, 'old', 'o', gen_random_uuid(), gen_random_uuid(), now() - interval '32 days', now() + interval '1 day')`,
      [id],
    );
    await sql(`UPDATE jobs SET status = 'SUCCEEDED', result = '{}', ended_at = now() - interval '31 days' WHERE id = $1`, [id]);

    await sql('DELETE FROM jobs WHERE id = $1', [id]);
    expect(await service.jobs.find(id)).toBeUndefined();
  });

  it('finds overdue and open jobs by an index', async () => {
    await service.database.transaction(async ({ entities }) => {
      await entities.query('SET LOCAL enable_seqscan = off');
      const plan = async (query: string) => JSON.stringify(await entities.query(`EXPLAIN ${query}`));
      expect(await plan('SELECT id FROM jobs WHERE ended_at IS NULL AND expires_at <= now() ORDER BY expires_at LIMIT 5')).toContain(
        'jobs_overdue',
      );
      expect(await plan('SELECT created_at FROM jobs WHERE ended_at IS NULL ORDER BY created_at LIMIT 5')).toContain('jobs_open');
    });
  });
});

describe('a job that does not end in time', () => {
  it('fails with timed-out once, however many instances look, and one that cannot end holds up nobody', async () => {
    const others = await Promise.all([1, 2, 3].map(() => startInstance(url, { JOB_TIMEOUT_MS: 100 })));
    const [first] = others as [Instance];
    const create = (change: Partial<NewJob>) =>
      first.database.transaction((transaction) => first.jobs.create(transaction, aJob({ owner: 'overdue', ...change })));
    const broken = await create({ kind: BREAKS });
    const jobs = await Promise.all(Array.from({ length: 250 }, () => create({})));
    const running = aJob({ owner: 'overdue' });
    await first.database.transaction(async (transaction) => {
      await first.jobs.create(transaction, running);
      await first.jobs.start(transaction, running.id);
    });

    await eventually(async () =>
      expect(await sql(`SELECT count(*)::int FROM jobs WHERE owner = 'overdue' AND ended_at IS NULL`)).toEqual([{ count: 1 }]),
    );
    expect(await service.jobs.find(broken.id)).toMatchObject({ status: 'PENDING' });
    const [ran, waited] = [await service.jobs.find(running.id), await service.jobs.find(jobs[1]!.id)];
    expect(waited).toMatchObject({ status: 'FAILED', failure: { code: 'timed-out', detail: 'The job did not end in time.' } });
    expect(ran).toMatchObject({ status: 'FAILED', startedAt: expect.any(Date) as Date });
    expect(await succeed(waited!.id)).toBe(false);
    const announcements = await sql(
      `SELECT count(*)::int, count(DISTINCT job)::int AS jobs FROM announcements JOIN jobs ON job = id WHERE owner = 'overdue' AND code = 'timed-out'`,
    );
    expect(announcements).toEqual([{ count: 251, jobs: 251 }]);
    await Promise.all(others.map((instance) => instance.close()));
  });
});
