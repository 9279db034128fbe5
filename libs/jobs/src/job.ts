/** How far a job has got. It never goes back, and never from one end to the other. */
export type JobStatus = 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED';

/** Why a job failed, and what its owner can do about it. */
export interface JobFailure {
  readonly code: string;
  readonly detail: string;
  readonly action: string;
}

/** What becomes of an accepted request. */
export interface Job {
  readonly id: string;
  /** What was asked for, such as `place-order`. */
  readonly kind: string;
  /** The customer who may see it. */
  readonly owner: string;
  /** Id of what it is about, such as the order. */
  readonly subject: string;
  readonly correlationId: string;
  readonly status: JobStatus;
  /** Of a job that succeeded. */
  readonly result?: Readonly<Record<string, unknown>> | undefined;
  /** Of a job that failed. */
  readonly failure?: JobFailure | undefined;
  readonly createdAt: Date;
  readonly startedAt?: Date | undefined;
  readonly endedAt?: Date | undefined;
  /** When it fails with `timed-out` unless it has ended by then. */
  readonly expiresAt: Date;
}

const RANKS: Readonly<Record<JobStatus, number>> = { PENDING: 1, RUNNING: 2, SUCCEEDED: 3, FAILED: 3 };

/** How far a status is on the way: 1 pending, 2 running, 3 ended. It only grows. */
export function rankOf(status: JobStatus): number {
  return RANKS[status];
}

/** Every status a job has gone through, oldest first, each with the job as it was then. One that ended from PENDING never ran. */
export function historyOf(job: Job): readonly Job[] {
  const pending: Job = { ...job, status: 'PENDING', startedAt: undefined, endedAt: undefined, result: undefined, failure: undefined };
  const running: Job = { ...pending, status: 'RUNNING', startedAt: job.startedAt };
  return [pending, ...(job.startedAt ? [running] : []), ...(job.endedAt ? [job] : [])];
}
