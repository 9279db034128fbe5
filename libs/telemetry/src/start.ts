import { metrics } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader, type PushMetricExporter } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface TelemetryOptions {
  readonly service: string;
  readonly version: string;
  /** Base address of an OTLP/HTTP receiver, such as http://localhost:4318; nothing is exported without one. */
  readonly otlpEndpoint?: string | undefined;
  readonly otlpProtocol?: 'http/protobuf' | 'http/json' | undefined;
}

export interface Telemetry {
  /** Answers a request for the metrics in the text format of Prometheus. */
  serveMetrics(request: IncomingMessage, response: ServerResponse): void;
  /** Exports what is still waiting and stops; waits at most a few seconds for a receiver that is away. */
  shutdown(): Promise<void>;
}

const EXPORT_TIMEOUT_MS = 3_000;
const METRICS_INTERVAL_MS = 10_000;
const QUIET_PATHS = ['/health/', '/docs', '/openapi.json', '/metrics'];

/**
 * Starts OpenTelemetry: traces and metrics. Call it before a server listens, a request is made or an instrument is created, so that
 * every request has its span and every figure its reader. Kafka is
 * not instrumented from outside: the outbox and the consumers make their own spans, because the context of an event is the
 * one stored with it, not the one of the relay that happens to send it.
 */
export function startTelemetry({ service, version, otlpEndpoint, otlpProtocol }: TelemetryOptions): Telemetry {
  const resource = resourceFromAttributes({ [ATTR_SERVICE_NAME]: service, [ATTR_SERVICE_VERSION]: version });
  const provider = new NodeTracerProvider({
    resource,
    spanProcessors: otlpEndpoint
      ? [
          new BatchSpanProcessor(spanExporter(otlpEndpoint, otlpProtocol), {
            maxQueueSize: 20_000,
            maxExportBatchSize: 1_000,
            scheduledDelayMillis: 500,
            exportTimeoutMillis: EXPORT_TIMEOUT_MS,
          }),
        ]
      : [],
  });
  provider.register();
  const prometheus = new PrometheusExporter({ preventServerStart: true });
  const meters = new MeterProvider({
    resource,
    readers: [
      prometheus,
      ...(otlpEndpoint
        ? [
            new PeriodicExportingMetricReader({
              exporter: metricExporter(otlpEndpoint, otlpProtocol),
              exportIntervalMillis: METRICS_INTERVAL_MS,
              exportTimeoutMillis: EXPORT_TIMEOUT_MS,
            }),
          ]
        : []),
    ],
  });
  metrics.setGlobalMeterProvider(meters);
  registerInstrumentations({
    instrumentations: [
      new HttpInstrumentation({
        ignoreIncomingRequestHook: (request) => QUIET_PATHS.some((path) => request.url?.startsWith(path)),
        requireParentforOutgoingSpans: true,
      }),
      new UndiciInstrumentation({ requireParentforSpans: true }),
    ],
  });
  return {
    // A receiver that is away must not keep a service from stopping, and its spans are lost with it anyway.
    shutdown: async () => void (await Promise.allSettled([provider.shutdown(), meters.shutdown()])),
    serveMetrics: (request, response) => prometheus.getMetricsRequestHandler(request, response),
  };
}

function spanExporter(endpoint: string, protocol: TelemetryOptions['otlpProtocol']): SpanExporter {
  const url = `${endpoint.replace(/\/$/, '')}/v1/traces`;
  /* eslint-disable @typescript-eslint/no-require-imports -- lazy loads; only one of the two is needed, and only with an endpoint */
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? (require('@opentelemetry/exporter-trace-otlp-http') as typeof import('@opentelemetry/exporter-trace-otlp-http'))
      : (require('@opentelemetry/exporter-trace-otlp-proto') as typeof import('@opentelemetry/exporter-trace-otlp-proto'));
  /* eslint-enable @typescript-eslint/no-require-imports */
  return new OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS });
}

function metricExporter(endpoint: string, protocol: TelemetryOptions['otlpProtocol']): PushMetricExporter {
  const url = `${endpoint.replace(/\/$/, '')}/v1/metrics`;
  /* eslint-disable @typescript-eslint/no-require-imports -- as above */
  const { OTLPMetricExporter } =
    protocol === 'http/json'
      ? (require('@opentelemetry/exporter-metrics-otlp-http') as typeof import('@opentelemetry/exporter-metrics-otlp-http'))
      : (require('@opentelemetry/exporter-metrics-otlp-proto') as typeof import('@opentelemetry/exporter-metrics-otlp-proto'));
  /* eslint-enable @typescript-eslint/no-require-imports */
  return new OTLPMetricExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS });
}
