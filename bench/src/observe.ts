import { startTelemetry } from '@past-tense/telemetry';
import { createServer } from 'node:http';

/** Where a program sends its traces and figures, and where it is asked for its figures, as a service is. */
export interface TelemetryTarget {
  /** Base address of an OTLP/HTTP receiver. */
  readonly otlpEndpoint: string;
  /** Port on 127.0.0.1 that answers with the figures in the format of Prometheus. */
  readonly metricsPort: number;
}

export interface Observed {
  readonly telemetry?: TelemetryTarget;
}

/** Starts traces and figures as a service starts them; before anything that makes either. */
export async function observe({ otlpEndpoint, metricsPort }: TelemetryTarget): Promise<void> {
  const telemetry = startTelemetry({ service: 'bench', version: '1.0.0', otlpEndpoint });
  const server = createServer((request, response) => telemetry.serveMetrics(request, response));
  await new Promise<void>((resolve) => server.listen(metricsPort, '127.0.0.1', resolve));
}
