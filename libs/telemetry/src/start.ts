import { metrics } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { RuntimeNodeInstrumentation } from '@opentelemetry/instrumentation-runtime-node';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader, type PushMetricExporter } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, NodeTracerProvider, type Span, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace-node';
import { ATTR_SERVICE_INSTANCE_ID, ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { currentFlow } from './flow';
import { watchProcess } from './process-figures';
import { SEARCHABLE } from './trace';

export interface TelemetryOptions {
  readonly service: string;
  readonly version: string;
  /** Base address of an OTLP/HTTP receiver, such as http://localhost:4318; nothing is exported without one. */
  readonly otlpEndpoint?: string | undefined;
  /** Full address of a receiver of traces alone; goes before `otlpEndpoint`. */
  readonly otlpTracesEndpoint?: string | undefined;
  readonly otlpProtocol?: 'http/protobuf' | 'http/json' | undefined;
}

export interface Telemetry {
  /** Answers a request for the metrics in the text format of Prometheus. */
  serveMetrics(request: IncomingMessage, response: ServerResponse): void;
  /** Exports what is still waiting and stops; waits at most a few seconds for a receiver that is away. */
  shutdown(): Promise<void>;
}

const EXPORT_TIMEOUT_MS = 3_000;
// How often it is looked how late the event loop is. The default of 10 ms wakes an idle process a hundred times a second, a quarter of what it costs.
const EVENT_LOOP_PRECISION_MS = 50;
const METRICS_INTERVAL_MS = 10_000;
const QUIET_PATHS = ['/health/', '/docs', '/openapi.json', '/metrics'];

/**
 * Starts OpenTelemetry: traces and metrics. Call it before a server listens, a request is made or an instrument is created, so that
 * every request has its span and every figure its reader. Kafka is
 * not instrumented from outside: the outbox and the consumers make their own spans, because the context of an event is the
 * one stored with it, not the one of the relay that happens to send it.
 */
export function startTelemetry({ service, version, otlpEndpoint, otlpTracesEndpoint, otlpProtocol }: TelemetryOptions): Telemetry {
  const resource = resourceFromAttributes({
    [ATTR_SERVICE_NAME]: service,
    [ATTR_SERVICE_VERSION]: version,
    [ATTR_SERVICE_INSTANCE_ID]: randomUUID(),
  });
  // https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp
  const tracesUrl = otlpTracesEndpoint ?? (otlpEndpoint && signalUrl(otlpEndpoint, 'traces'));
  const provider = new NodeTracerProvider({
    resource,
    spanProcessors: tracesUrl
      ? [
          flowNamer,
          new BatchSpanProcessor(spanExporter(tracesUrl, otlpProtocol), {
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
              exporter: metricExporter(signalUrl(otlpEndpoint, 'metrics'), otlpProtocol),
              exportIntervalMillis: METRICS_INTERVAL_MS,
              exportTimeoutMillis: EXPORT_TIMEOUT_MS,
            }),
          ]
        : []),
    ],
  });
  metrics.setGlobalMeterProvider(meters);
  watchProcess();
  registerInstrumentations({
    instrumentations: [
      new HttpInstrumentation({
        ignoreIncomingRequestHook: (request) => QUIET_PATHS.some((path) => request.url?.startsWith(path)),
        requireParentforOutgoingSpans: true,
      }),
      new UndiciInstrumentation({ requireParentforSpans: true }),
      new RuntimeNodeInstrumentation({ monitoringPrecision: EVENT_LOOP_PRECISION_MS }),
    ],
  });
  const serializer = new PrometheusSerializer();
  let collecting: Promise<string> | undefined;
  // However many ask at once, figures are collected once: some of them are counted in the database.
  const figures = () =>
    (collecting ??= prometheus
      .collect()
      .then(({ resourceMetrics }) => serializer.serialize(resourceMetrics))
      .finally(() => (collecting = undefined)));
  return {
    // A receiver that is away must not keep a service from stopping, and its spans are lost with it anyway.
    shutdown: async () => void (await Promise.allSettled([provider.shutdown(), meters.shutdown()])),
    serveMetrics: (_request, response) =>
      void figures().then(
        (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
        () => response.writeHead(500).end(),
      ),
  };
}

/** Puts the correlation id on every span that begins in a flow, so that a trace is found by it. */
const flowNamer: SpanProcessor = {
  onStart(span: Span) {
    const flow = currentFlow();
    if (flow) span.setAttribute(SEARCHABLE.correlationId, flow.correlationId);
  },
  onEnd: () => undefined,
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

function signalUrl(endpoint: string, signal: 'traces' | 'metrics'): string {
  return `${endpoint.replace(/\/$/, '')}/v1/${signal}`;
}

function spanExporter(url: string, protocol: TelemetryOptions['otlpProtocol']): SpanExporter {
  /* eslint-disable @typescript-eslint/no-require-imports -- lazy loads; only one of the two is needed, and only with an endpoint */
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? (require('@opentelemetry/exporter-trace-otlp-http') as typeof import('@opentelemetry/exporter-trace-otlp-http'))
      : (require('@opentelemetry/exporter-trace-otlp-proto') as typeof import('@opentelemetry/exporter-trace-otlp-proto'));
  /* eslint-enable @typescript-eslint/no-require-imports */
  return new OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS });
}

function metricExporter(url: string, protocol: TelemetryOptions['otlpProtocol']): PushMetricExporter {
  /* eslint-disable @typescript-eslint/no-require-imports -- as above */
  const { OTLPMetricExporter } =
    protocol === 'http/json'
      ? (require('@opentelemetry/exporter-metrics-otlp-http') as typeof import('@opentelemetry/exporter-metrics-otlp-http'))
      : (require('@opentelemetry/exporter-metrics-otlp-proto') as typeof import('@opentelemetry/exporter-metrics-otlp-proto'));
  /* eslint-enable @typescript-eslint/no-require-imports */
  return new OTLPMetricExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS });
}
