import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { metrics, type BatchObservableResult } from '@opentelemetry/api';
import { Database } from '@past-tense/database';
import { TEST } from './deliveries/delivery';

// Counting stops somewhere: a figure must not cost more the worse things are.
const MAX_COUNTED = 100_000;
// A parked test concerns nobody but the owner who tries a receiver out.
const states = {
  name: 'webhook-deliveries-states',
  text: `SELECT (SELECT count(*)::int FROM (SELECT 1 FROM webhook_deliveries WHERE state = 'waiting' LIMIT ${MAX_COUNTED}) AS waiting) AS waiting,
                (SELECT count(*)::int FROM (SELECT 1 FROM webhook_deliveries WHERE state = 'parked' AND type <> '${TEST}' LIMIT ${MAX_COUNTED}) AS parked) AS parked`,
};

/** How many deliveries wait, and how many are parked that are no tests. */
@Injectable()
export class WebhookFigures implements OnApplicationShutdown {
  readonly #meter = metrics.getMeter('past-tense');
  readonly #waiting = this.#meter.createObservableGauge('past_tense.webhooks.waiting', {
    unit: '{delivery}',
    description: 'Webhooks that wait for their next attempt',
  });
  readonly #parked = this.#meter.createObservableGauge('past_tense.webhooks.parked', {
    unit: '{delivery}',
    description: 'Webhooks that are given up until somebody sends them again; tests do not count',
  });

  constructor(private readonly database: Database) {
    this.#meter.addBatchObservableCallback(this.#observe, [this.#waiting, this.#parked]);
  }

  onApplicationShutdown(): void {
    this.#meter.removeBatchObservableCallback(this.#observe, [this.#waiting, this.#parked]);
  }

  #observe = async (result: BatchObservableResult): Promise<void> => {
    const [row] = await this.database.query<{ waiting: number; parked: number }>(states).catch(() => []);
    if (!row) return;
    result.observe(this.#waiting, row.waiting);
    result.observe(this.#parked, row.parked);
  };
}
