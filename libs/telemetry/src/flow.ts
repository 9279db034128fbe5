import { AsyncLocalStorage } from 'node:async_hooks';

/** The business flow the current code runs in: what ties its logs and its new events to the request that began it. */
export interface Flow {
  /** One id for everything that follows from one request. */
  readonly correlationId: string;
  /** Id of the event, command or request being handled; the cause of what is recorded meanwhile. */
  readonly causationId: string;
  /** Id of the event being handled, where it is one. */
  readonly eventId?: string | undefined;
}

// Apart from OpenTelemetry's context: what an event is correlated with must not depend on whether tracing is on.
const flows = new AsyncLocalStorage<Flow>();

/** Runs `work` as part of a flow. The flow travels through every await. */
export function inFlow<T>(flow: Flow, work: () => T): T {
  return flows.run(flow, work);
}

/** The flow the current code runs in, if it runs in one. */
export function currentFlow(): Flow | undefined {
  return flows.getStore();
}
