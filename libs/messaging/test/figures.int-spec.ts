import { metrics } from '@opentelemetry/api';
import { Database } from '@past-tense/database';
import { createLogger } from '@past-tense/telemetry';
import { testDatabase } from '@past-tense/testing';
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { Figures, type Lag } from '../src/delivery/figures';
import { Outages } from '../src/delivery/outages';

const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const meters = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
let database: Database;
beforeAll(async () => {
  metrics.setGlobalMeterProvider(meters);
  const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });
  database = new Database({ url: await testDatabase(), applicationName: 'test', entities: [], migrations: [], logger });
  await database.connect();
});
afterAll(async () => {
  await meters.shutdown();
  metrics.disable();
  await database.close();
});

/** What a figure says now, by topic. */
async function told(name: string): Promise<Record<string, unknown>> {
  exporter.reset();
  await meters.forceFlush();
  const [figure] = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics.filter(({ descriptor }) => descriptor.name === name)));
  const points = figure?.dataPoints ?? [];
  return Object.fromEntries(points.map(({ attributes, value }) => [attributes['messaging.destination.name'] as string, value as number]));
}

it('a consumer is not behind on a topic of which it has nothing any more, whatever was said of it last (V3)', async () => {
  let lags: ReadonlyMap<string, Lag> = new Map([['retries', { events: 1, seconds: 3 }]]);
  const figures = new Figures('shipping', new Set());
  figures.watch({ database, outages: new Outages(new AbortController().signal, () => undefined), lag: () => lags });
  expect(await told('past_tense.consumer.lag')).toEqual({ retries: 1 });

  lags = new Map([['orders', { events: 2, seconds: 1 }]]); // The partitions were assigned anew, and nothing of the first has come since.

  expect(await told('past_tense.consumer.lag')).toEqual({ retries: 0, orders: 2 });
  expect(await told('past_tense.consumer.lag.time')).toEqual({ retries: 0, orders: 1 });
  expect(await told('past_tense.consumer.catch_up.time')).toEqual({ retries: 0, orders: Number.NaN });
  figures.stopWatching();
});
