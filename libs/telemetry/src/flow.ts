import { context, createContextKey } from '@opentelemetry/api';

/** The business flow the current code runs in: what ties its logs and its new events to the request that began it. */
export interface Flow {
  /** One id for everything that follows from one request. */
  readonly correlationId: string;
  /** Id of the event, command or request being handled; the cause of what is recorded meanwhile. */
  readonly causationId: string;
  /** Id of the event being handled, where it is one. */
  readonly eventId?: string | undefined;
}

const FLOW = createContextKey('past-tense flow');

/** Runs `work` as part of a flow. The flow travels with the OpenTelemetry context, through every await. */
export function inFlow<T>(flow: Flow, work: () => T): T {
  return context.with(context.active().setValue(FLOW, flow), work);
}

/** The flow the current code runs in, if it runs in one. */
export function currentFlow(): Flow | undefined {
  return context.active().getValue(FLOW) as Flow | undefined;
}
