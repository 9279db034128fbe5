import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
  type Context,
  type Link,
  type Span,
  type SpanOptions,
} from '@opentelemetry/api';
import { randomUUID } from 'node:crypto';

/** W3C trace context as it travels in HTTP and Kafka headers and rests in an outbox row. */
export interface TraceHeaders {
  readonly traceparent: string;
  readonly tracestate?: string | undefined;
}

/** The tracer of all our own libraries. */
export const tracer = trace.getTracer('past-tense');

/**
 * The W3C headers that name a span as parent. Without a started OpenTelemetry there is no span to name; a fresh unsampled
 * context is made then, because the envelope requires one.
 */
export function traceOf(span: Span): TraceHeaders {
  const carrier: Record<string, string> = {};
  propagation.inject(trace.setSpan(ROOT_CONTEXT, span), carrier);
  const { traceparent, tracestate } = carrier;
  if (!traceparent) return { traceparent: `00-${randomHex(32)}-${randomHex(16)}-00` };
  return tracestate ? { traceparent, tracestate } : { traceparent };
}

/** Of UUIDs Node keeps some in stock; random bytes it would fetch each time, which takes ten times as long. */
const randomHex = (digits: number) => randomUUID().replaceAll('-', '').slice(-digits);

/** The context whose parent is the span that W3C headers name; the active values (such as the flow) are kept. */
export function contextOf(headers: TraceHeaders, base: Context = context.active()): Context {
  return propagation.extract(trace.deleteSpan(base), headers);
}

/** A link to the span that W3C headers name. */
export function linkTo(headers: TraceHeaders): Link[] {
  const linked = trace.getSpanContext(contextOf(headers, ROOT_CONTEXT));
  return linked ? [{ context: linked }] : [];
}

/** Attributes by which a person finds a trace. Where OpenTelemetry's conventions have a name, spans carry that one as well. */
export const SEARCHABLE = { correlationId: 'past_tense.correlation_id', aggregateId: 'past_tense.aggregate_id' } as const;

/**
 * How the work that an event causes is traced: in the event's own trace, so that one flow is one trace; or in a trace of its own
 * that links to it, which OpenTelemetry's messaging conventions prefer for batches and long flows.
 */
export type TraceFlow = 'connected' | 'linked';

/** Parent and links of a span for the work that an event causes. */
export function causedBy(event: TraceHeaders, flow: TraceFlow): { parent: Context; links: Link[] } {
  if (flow === 'connected') return { parent: contextOf(event), links: [] };
  return { parent: trace.deleteSpan(context.active()), links: linkTo(event) };
}

/** The headers that name the span the current code runs in, if it runs in one. */
export function currentTrace(): TraceHeaders | undefined {
  const span = trace.getActiveSpan();
  return span && traceOf(span);
}

/** Runs `work` in a span of its own; a thrown error marks the span and is thrown on. */
export async function inSpan<T>(name: string, options: SpanOptions, parent: Context, work: (span: Span) => Promise<T>): Promise<T> {
  const span = tracer.startSpan(name, options, parent);
  try {
    return await context.with(trace.setSpan(parent, span), () => work(span));
  } catch (error) {
    endWith(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Marks a span as failed. */
export function endWith(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
  span.setAttribute('error.type', error instanceof Error ? error.name : 'unknown');
}
