import { metrics, type BatchObservableResult } from '@opentelemetry/api';
import type { Database } from '@past-tense/database';

interface Depth {
  rows: string;
  waiting: number;
  oldest_seconds: number;
}

// Counting stops somewhere: a figure must not cost more the worse things are.
const MAX_COUNTED = 100_000;
const depths = {
  name: 'outbox-depths',
  text: ['outbox:facts:occurred_at', 'outbox_forwards:forwards:created_at']
    .map((entry) => entry.split(':'))
    .map(
      ([table, rows, since]) => `
        SELECT '${rows}' AS rows,
               (SELECT count(*)::int FROM (SELECT 1 FROM ${table} WHERE published_at IS NULL LIMIT ${MAX_COUNTED}) AS waiting) AS waiting,
               coalesce((SELECT extract(epoch FROM now() - ${since})::float8 FROM ${table} WHERE published_at IS NULL ORDER BY position LIMIT 1), 0) AS oldest_seconds`,
    )
    .join(' UNION ALL '),
};

/**
 * Tells what waits in the outbox whenever the figures are read.
 * @param of which rows are looked at: `facts`, `forwards`
 * @returns what to call to stop
 */
export function watchOutbox(database: Database, of: readonly string[]): () => void {
  const meter = metrics.getMeter('past-tense');
  const depth = meter.createObservableGauge('past_tense.outbox.depth', { unit: '{row}', description: 'Rows that wait to be published' });
  const age = meter.createObservableGauge('past_tense.outbox.oldest.age', { unit: 's', description: 'Age of the oldest row that waits' });
  const observe = async (result: BatchObservableResult) => {
    for (const { rows, waiting, oldest_seconds: seconds } of await database.query<Depth>(depths).catch(() => [])) {
      if (!of.includes(rows)) continue;
      result.observe(depth, waiting, { rows });
      result.observe(age, Math.max(0, seconds), { rows });
    }
  };
  meter.addBatchObservableCallback(observe, [depth, age]);
  return () => meter.removeBatchObservableCallback(observe, [depth, age]);
}

/** Counts what was sent; the name is OpenTelemetry's. */
export function sentCounter(): (topic: string) => void {
  const sent = metrics
    .getMeter('past-tense')
    .createCounter('messaging.client.sent.messages', { unit: '{message}', description: 'Messages Kafka has taken' });
  return (topic) => sent.add(1, { 'messaging.system': 'kafka', 'messaging.operation.name': 'send', 'messaging.destination.name': topic });
}
