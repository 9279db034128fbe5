import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { metrics, type BatchObservableResult } from '@opentelemetry/api';
import { Database } from '@past-tense/database';
import type { Order } from '../domain/order';

// From a moment to the longest that retries can take.
const SECONDS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600];

const open = {
  name: 'orders-open',
  text: `SELECT count(*)::int AS orders, coalesce(extract(epoch FROM now() - min(placed_at)), 0)::float8 AS oldest_seconds
         FROM (SELECT placed_at FROM orders WHERE ended_at IS NULL ORDER BY placed_at LIMIT 10000) AS open`,
};

/** How long orders take from the request to their end, and how long the oldest has been on its way. */
@Injectable()
export class OrderFigures implements OnApplicationShutdown {
  readonly #meter = metrics.getMeter('past-tense');
  readonly #propagation = this.#meter.createHistogram('past_tense.job.propagation', {
    unit: 's',
    description: 'Time from placing an order to its end',
    advice: { explicitBucketBoundaries: SECONDS },
  });
  readonly #open = this.#meter.createObservableGauge('past_tense.jobs.open', { unit: '{job}', description: 'Orders on their way' });
  readonly #oldest = this.#meter.createObservableGauge('past_tense.jobs.oldest.age', {
    unit: 's',
    description: 'Age of the oldest of them',
  });

  constructor(private readonly database: Database) {
    this.#meter.addBatchObservableCallback(this.#observe, [this.#open, this.#oldest]);
  }

  /** Notes that an order has ended. */
  ended({ status, placedAt, endedAt }: Order): void {
    if (endedAt) this.#propagation.record((endedAt.getTime() - placedAt.getTime()) / 1000, { outcome: status });
  }

  onApplicationShutdown(): void {
    this.#meter.removeBatchObservableCallback(this.#observe, [this.#open, this.#oldest]);
  }

  #observe = async (result: BatchObservableResult): Promise<void> => {
    const [row] = await this.database.query<{ orders: number; oldest_seconds: number }>(open).catch(() => []);
    if (!row) return;
    result.observe(this.#open, row.orders);
    result.observe(this.#oldest, Math.max(0, row.oldest_seconds));
  };
}
