import type { DatabaseOptions } from '@past-tense/database';
import { CreateIdempotencyKeys1763725000001 } from './migrations/1763725000001-create-idempotency-keys';
import { CreateJobs1763725000000 } from './migrations/1763725000000-create-jobs';

/** What makes the tables of jobs and of idempotency keys. */
export const JOBS_MIGRATIONS: DatabaseOptions['migrations'] = [CreateJobs1763725000000, CreateIdempotencyKeys1763725000001];
export { type FailureCatalogue } from './failures';
export { answerWith, jobAccepted, type Accepted, type HttpAnswer } from './http/http-answer';
export { IdempotencyKeys, type KeyedRequest } from './idempotency/idempotency-keys';
export { Keyed, TakesIdempotencyKey } from './idempotency/keyed';
export { type Job, type JobFailure, type JobStatus } from './job';
export { Jobs, type JobListener, type NewJob } from './jobs';
export { JobsModule, type JobsOptions } from './jobs.module';
export { jobsSettings, type JobsSettings } from './settings';
