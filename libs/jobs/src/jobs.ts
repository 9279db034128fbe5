import { Inject, Injectable, Optional } from '@nestjs/common';
import { Database, type Statement, type Transaction } from '@past-tense/database';
import { SETTINGS } from '@past-tense/service';
import { Failures, storable, TIMED_OUT, TIMED_OUT_MEANING } from './failures';
import type { Job, JobStatus } from './job';
import type { JobsSettings } from './settings';

/** What a service does when a job of its ends: the class that `JobsModule.register` names as the listener. */
export interface JobListener {
  /** Called in the transaction in which the job ends, for success, failure and time-out alike. If it throws, the job does not end. */
  ended(transaction: Transaction, job: Job): Promise<void>;
}

/** Injects the listener, where the service has one. */
export const JOB_LISTENER = Symbol('job listener');

/** A new job. */
export type NewJob = Pick<Job, 'id' | 'kind' | 'owner' | 'subject' | 'correlationId'>;

interface JobRow {
  id: string;
  kind: string;
  owner: string;
  subject: string;
  correlation_id: string;
  status: JobStatus;
  result: Record<string, unknown> | null;
  failure_code: string | null;
  failure_detail: string | null;
  created_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
  expires_at: Date;
}

// Times are the database's. A transaction may have begun before the job it changes was created, and a clock may be set back:
// neither may make a job end before it began.
const LATER = 'greatest(clock_timestamp(), jobs.created_at, jobs.started_at)';

const create: Statement = {
  name: 'jobs-create',
  text: `INSERT INTO jobs (id, kind, owner, subject, correlation_id, created_at, expires_at)
         SELECT $1, $2, $3, $4, $5, now, now + make_interval(secs => $6::float8 / 1000) FROM (SELECT clock_timestamp() AS now) AS clock
         RETURNING *`,
};
const start: Statement = {
  name: 'jobs-start',
  text: `UPDATE jobs SET status = 'RUNNING', started_at = ${LATER} WHERE id = $1 AND status = 'PENDING' RETURNING *`,
};
const succeed: Statement = {
  name: 'jobs-succeed',
  text: `UPDATE jobs SET status = 'SUCCEEDED', result = $2::jsonb, ended_at = ${LATER} WHERE id = $1 AND ended_at IS NULL RETURNING *`,
};
const fail: Statement = {
  name: 'jobs-fail',
  text: `UPDATE jobs SET status = 'FAILED', failure_code = $2, failure_detail = $3, ended_at = ${LATER}
         WHERE id = $1 AND ended_at IS NULL RETURNING *`,
};
const timeOut: Statement = {
  name: 'jobs-time-out',
  // Materialized: a plan that runs the sub-query again would lock more rows than its limit.
  text: `WITH overdue AS MATERIALIZED (
           SELECT id FROM jobs WHERE ended_at IS NULL AND expires_at <= now() AND id <> ALL ($2::uuid[])
           ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
         UPDATE jobs SET status = 'FAILED', failure_code = $3, failure_detail = $4, ended_at = ${LATER}
         FROM overdue WHERE jobs.id = overdue.id RETURNING jobs.*`,
};
const find: Statement = { name: 'jobs-find', text: 'SELECT * FROM jobs WHERE id = $1' };
const moved: Statement = {
  name: 'jobs-moved',
  text: `SELECT jobs.* FROM jobs JOIN unnest($1::uuid[], $2::text[]) AS seen (id, status) ON jobs.id = seen.id WHERE jobs.status <> seen.status`,
};

/**
 * The jobs of a service: what becomes of what it has accepted. A job goes PENDING → RUNNING → SUCCEEDED | FAILED and may leave RUNNING
 * out. Nothing here moves one back, and neither does the database, whoever asks it to.
 * @typeParam Code the failure codes of the service: `Jobs<keyof typeof failures>`
 */
@Injectable()
export class Jobs<Code extends string = string> {
  readonly #watchers: ((job: Job) => void)[] = [];

  constructor(
    private readonly database: Database,
    @Inject(SETTINGS) private readonly settings: Pick<JobsSettings, 'JOB_TIMEOUT_MS'>,
    private readonly failures: Failures,
    @Optional() @Inject(JOB_LISTENER) private readonly listener?: JobListener,
  ) {}

  /**
   * Creates a job, PENDING.
   * @throws what PostgreSQL says if there is a job with that id
   */
  async create(transaction: Transaction, { id, kind, owner, subject, correlationId }: NewJob): Promise<Job> {
    const values = [id, kind, owner, subject, correlationId, this.settings.JOB_TIMEOUT_MS];
    const [row] = await transaction.query<JobRow>(create, values);
    return this.#announce(transaction, row!);
  }

  /** PENDING → RUNNING. Returns false, and does nothing, if the job has got further already or does not exist. */
  async start(transaction: Transaction, id: string): Promise<boolean> {
    return this.#change(transaction, start, [id]);
  }

  /**
   * Ends a job as SUCCEEDED. Returns false, and does nothing, if it has ended already or does not exist.
   * @param result what came of it, a JSON object; its owner sees it
   */
  async succeed(transaction: Transaction, id: string, result: Readonly<Record<string, unknown>> = {}): Promise<boolean> {
    const text = JSON.stringify(result, (_, value: unknown) => (typeof value === 'string' ? storable(value) : value));
    return this.#change(transaction, succeed, [id, text]);
  }

  /**
   * Ends a job as FAILED. Returns false, and does nothing, if it has ended already or does not exist.
   * @param detail one sentence about this case, for its owner; without one, what the code means
   * @throws Error if the code is not in the service's catalogue of failures
   */
  async fail(transaction: Transaction, id: string, code: Code, detail?: string): Promise<boolean> {
    return this.#change(transaction, fail, [id, code, this.failures.detail(code, detail)]);
  }

  /**
   * Ends jobs that are overdue as FAILED, `timed-out`. Those that another transaction is busy with are left to it.
   * @param most how many at most
   * @param except jobs to leave alone
   * @returns the jobs; what listens has not been told yet: `ended` does that
   */
  async timeOut(transaction: Transaction, most: number, except: readonly string[]): Promise<Job[]> {
    const rows = await transaction.query<JobRow>(timeOut, [most, except, TIMED_OUT, TIMED_OUT_MEANING]);
    return rows.map((row) => this.#toJob(row));
  }

  /** Tells the listener about a job that ends in this transaction and, once that is committed, whoever watches. */
  async ended(transaction: Transaction, job: Job): Promise<void> {
    await this.listener?.ended(transaction, job);
    this.#tellWatchers(transaction, job);
  }

  /**
   * A job, or undefined if there is none with that id.
   * @param transaction the one that is open, if one is: waiting for a second connection while holding locks can stop all that wait for those
   */
  async find(id: string, transaction?: Transaction): Promise<Job | undefined> {
    const [row] = await (transaction ?? this.database).query<JobRow>(find, [id]);
    return row && this.#toJob(row);
  }

  /** Those of some jobs that are no longer in the status in which they were seen last, whichever instance moved them. */
  async moved(seen: readonly Pick<Job, 'id' | 'status'>[]): Promise<Job[]> {
    const rows = await this.database.query<JobRow>(moved, [seen.map(({ id }) => id), seen.map(({ status }) => status)]);
    return rows.map((row) => this.#toJob(row));
  }

  /** Calls `watcher` with each job that this process has created or changed, after the commit. It must not throw. */
  watch(watcher: (job: Job) => void): void {
    this.#watchers.push(watcher);
  }

  async #change(transaction: Transaction, statement: Statement, values: readonly unknown[]): Promise<boolean> {
    const [row] = await transaction.query<JobRow>(statement, values);
    if (row) await this.#announce(transaction, row);
    return row !== undefined;
  }

  async #announce(transaction: Transaction, row: JobRow): Promise<Job> {
    const job = this.#toJob(row);
    if (job.endedAt) await this.ended(transaction, job);
    else this.#tellWatchers(transaction, job);
    return job;
  }

  #tellWatchers(transaction: Transaction, job: Job): void {
    transaction.afterCommit(() => this.#watchers.forEach((watcher) => watcher(job)));
  }

  #toJob(row: JobRow): Job {
    return {
      id: row.id,
      kind: row.kind,
      owner: row.owner,
      subject: row.subject,
      correlationId: row.correlation_id,
      status: row.status,
      result: row.result ?? undefined,
      failure: row.failure_code === null ? undefined : this.failures.show(row.failure_code, row.failure_detail!),
      createdAt: row.created_at,
      startedAt: row.started_at ?? undefined,
      endedAt: row.ended_at ?? undefined,
      expiresAt: row.expires_at,
    };
  }
}
