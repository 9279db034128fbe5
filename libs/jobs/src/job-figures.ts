import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { metrics, type BatchObservableResult } from '@opentelemetry/api';
import { Database } from '@past-tense/database';
import type { Job } from './job';
import { Jobs } from './jobs';

// From a moment to the longest that retries can take.
const SECONDS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600];

// Counting stops somewhere: a figure must not cost more the worse things are.
const open = {
  name: 'jobs-open',
  text: `SELECT count(*)::int AS jobs, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest_seconds
         FROM (SELECT created_at FROM jobs WHERE ended_at IS NULL ORDER BY created_at LIMIT 10000) AS open`,
};

/** How long jobs take from their creation to their end, how many are open, and how old the oldest of them is. */
@Injectable()
export class JobFigures implements OnApplicationShutdown {
  readonly #meter = metrics.getMeter('past-tense');
  readonly #propagation = this.#meter.createHistogram('past_tense.job.propagation', {
    unit: 's',
    description: 'Time from the creation of a job to its end',
    advice: { explicitBucketBoundaries: SECONDS },
  });
  readonly #open = this.#meter.createObservableGauge('past_tense.jobs.open', { unit: '{job}', description: 'Jobs that have not ended' });
  readonly #oldest = this.#meter.createObservableGauge('past_tense.jobs.oldest.age', {
    unit: 's',
    description: 'Age of the oldest of them',
  });

  constructor(
    jobs: Jobs,
    private readonly database: Database,
  ) {
    jobs.watch((job) => this.#ended(job));
    this.#meter.addBatchObservableCallback(this.#observe, [this.#open, this.#oldest]);
  }

  onApplicationShutdown(): void {
    this.#meter.removeBatchObservableCallback(this.#observe, [this.#open, this.#oldest]);
  }

  #ended({ kind, status, createdAt, endedAt }: Job): void {
    if (!endedAt) return;
    this.#propagation.record((endedAt.getTime() - createdAt.getTime()) / 1000, { kind, outcome: status.toLowerCase() });
  }

  #observe = async (result: BatchObservableResult): Promise<void> => {
    const [row] = await this.database.query<{ jobs: number; oldest_seconds: number }>(open).catch(() => []);
    if (!row) return;
    result.observe(this.#open, row.jobs);
    result.observe(this.#oldest, Math.max(0, row.oldest_seconds));
  };
}
