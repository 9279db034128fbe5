import { ask } from '@past-tense/testing';
import type { TracedSpan } from '../trace';
import type { DrawnSpan } from './draw';

interface JaegerSpan {
  readonly spanID: string;
  readonly operationName: string;
  readonly processID: string;
  /** Microseconds since 1970. */
  readonly startTime: number;
  readonly duration: number;
  readonly references: readonly { readonly refType: string; readonly traceID: string; readonly spanID: string }[];
  readonly tags: readonly { readonly key: string; readonly value: unknown }[];
}

interface JaegerTrace {
  readonly traceID: string;
  readonly spans: readonly JaegerSpan[];
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
}

/** Jaeger's HTTP API. */
export class Jaeger {
  constructor(private readonly url: string) {}

  /** The spans of a trace; none if Jaeger does not know it yet. */
  async spansOf(traceId: string): Promise<(TracedSpan & DrawnSpan)[]> {
    const { status, body } = await ask(`${this.url}/api/traces/${traceId}`);
    if (status !== 200) return [];
    const [trace] = (body as { data: JaegerTrace[] }).data;
    return trace ? trace.spans.map((span) => spanOf(span, trace)) : [];
  }

  /** Ids of the traces with a span of a service that has this attribute. */
  async find(service: string, attribute: string, value: string): Promise<string[]> {
    const query = new URLSearchParams({ service, tags: JSON.stringify({ [attribute]: value }), limit: '20' });
    const { body } = await ask(`${this.url}/api/traces?${query.toString()}`);
    return (body as { data: JaegerTrace[] }).data.map(({ traceID }) => traceID);
  }
}

/** Jaeger keeps the parent and the links of a span in one list; the parent is the first reference into its own trace. */
function spanOf(
  { spanID, operationName, processID, startTime, duration, references, tags }: JaegerSpan,
  { traceID, processes }: JaegerTrace,
): TracedSpan & DrawnSpan {
  const parent = references.find(({ refType, traceID: of }) => refType === 'CHILD_OF' && of === traceID);
  return {
    service: processes[processID]!.serviceName,
    name: operationName,
    spanId: spanID,
    parentSpanId: parent?.spanID,
    startUs: startTime,
    durationUs: duration,
    failed: tags.some(({ key, value }) => key === 'error' && value === true),
    attributes: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
    links: references.filter((reference) => reference !== parent).map(({ traceID: traceId, spanID: spanId }) => ({ traceId, spanId })),
  };
}
