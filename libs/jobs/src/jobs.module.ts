import { Module, type DynamicModule, type Provider, type Type } from '@nestjs/common';
import type { Scope } from '@past-tense/auth';
import { Failures, type FailureCatalogue } from './failures';
import { JobStreams } from './http/job-streams';
import { jobsController } from './http/jobs.controller';
import { ExpiredKeys } from './idempotency/expired-keys';
import { IdempotencyKeys } from './idempotency/idempotency-keys';
import { JobFigures } from './job-figures';
import { JOB_LISTENER, Jobs, type JobListener } from './jobs';
import { OverdueJobs } from './overdue-jobs';

export interface JobsOptions {
  /** Why jobs of the service fail, and what can be done about it. */
  readonly failures: FailureCatalogue;
  /** What the API calls the id of what a job is about, such as `orderId`. */
  readonly subjectName: string;
  /** What a caller's token must allow to see jobs; `orders:read` if not given. */
  readonly scope?: Scope;
  /** What is done in the transaction in which a job ends. */
  readonly listener?: Type<JobListener>;
  /** Modules with what the listener needs. */
  readonly imports?: DynamicModule['imports'];
}

/** Jobs, their endpoints, and Idempotency-Key, for a service that `runService` runs. */
@Module({})
export class JobsModule {
  /** @throws Error if a failure code cannot be one */
  static register({ failures, subjectName, scope = 'orders:read', listener, imports = [] }: JobsOptions): DynamicModule {
    const listening: Provider[] = listener ? [listener, { provide: JOB_LISTENER, useExisting: listener }] : [];
    return {
      module: JobsModule,
      imports,
      controllers: [jobsController(subjectName, scope)],
      providers: [
        { provide: Failures, useValue: new Failures(failures) },
        ...listening,
        Jobs,
        OverdueJobs,
        JobFigures,
        JobStreams,
        IdempotencyKeys,
        ExpiredKeys,
      ],
      exports: [Jobs, IdempotencyKeys],
    };
  }
}
