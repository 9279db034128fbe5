import { freePort } from '@past-tense/local';
import type { Comparison, Sample } from '../comparison';
import { consume } from '../consuming';
import type { Observed } from '../observe';
import type { Parts } from '../parts';
import type { TelemetryReceiverOptions } from '../programs/telemetry-receiver';
import { withPrograms } from '../start-program';
import { publish } from './relay';

const EVENTS = 20_000;
const ROWS = 30_000;

/** Gives work a receiver of telemetry. Somebody must have sent traces to it and answered with figures in the end. */
async function withReceiver(work: (observed: Observed) => Promise<Sample>): Promise<Sample> {
  const options: TelemetryReceiverOptions = { port: await freePort(), metricsPort: await freePort() };
  return await withPrograms('telemetry-receiver', [options], async ([receiver]) => {
    const sample = await work({ telemetry: { otlpEndpoint: `http://127.0.0.1:${options.port}`, metricsPort: options.metricsPort } });
    const { exports, scrapes } = (await receiver!.go()).values;
    if (!exports || !scrapes)
      throw new Error(`The receiver of telemetry got ${exports} exports of traces and ${scrapes} answers with figures.`);
    return sample;
  });
}

const consumer = (parts: Parts, options: object) => consume(parts, { events: EVENTS, options });
const relay = (parts: Parts, options: object) => publish(parts, 'relay', ROWS, options);

export const tracing: Comparison = {
  name: 'tracing',
  title: 'Traces and figures',
  work: `The consumer with ${EVENTS.toLocaleString('en')} events, and the relay with ${ROWS.toLocaleString('en')} rows. Every event is sampled; spans and figures go over OTLP to a process on 127.0.0.1 that only says 200, and it asks for the figures in the format of Prometheus once a second.`,
  units: {
    perSecond: 'events/s',
    cpuMsPerThousand: 'CPU of the process, ms per 1,000',
    machineMsPerThousand: 'CPU of everything, ms per 1,000',
    peakMegabytes: 'peak memory, MB',
  },
  contenders: [
    {
      name: 'consumer, on',
      what: 'our consumer, traced and counted',
      run: (parts) => withReceiver((observed) => consumer(parts, observed)),
    },
    { name: 'consumer, off', what: 'without OpenTelemetry', run: (parts) => consumer(parts, {}) },
    { name: 'relay, on', what: 'our outbox relay, traced and counted', run: (parts) => withReceiver((observed) => relay(parts, observed)) },
    { name: 'relay, off', what: 'without OpenTelemetry', run: (parts) => relay(parts, {}) },
  ],
  goals: [
    { of: 'consumer, on', beside: 'consumer, off', value: 'perSecond', atLeast: 0.9 },
    { of: 'relay, on', beside: 'relay, off', value: 'perSecond', atLeast: 0.9 },
  ],
};
