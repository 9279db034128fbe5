import { metrics } from '@opentelemetry/api';
import { currentFlow } from '@past-tense/telemetry';
import { bulkhead, circuitBreaker, CircuitState, ConsecutiveBreaker, handleAll, wrap, type IPolicy } from 'cockatiel';

export interface OutboundOptions {
  /** Who is called, for error messages. */
  readonly name: string;
  readonly baseUrl: string;
  /** Milliseconds after which an answer is no longer waited for. */
  readonly timeoutMs?: number;
  /** Calls at once; more wait in a queue of the same length, and past that are refused. */
  readonly concurrency?: number;
  /** Failures in a row after which calls are refused without being made. */
  readonly breakAfter?: number;
  /** Milliseconds after which one call probes whether the other side is back. */
  readonly probeAfterMs?: number;
}

export interface OutboundAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** The other side is away, too slow or broken. It may have done what it was asked all the same: ask again with the same key. */
export class UnavailableError extends Error {
  override name = 'UnavailableError';
  /** Tells a consumer that the event is not at fault. */
  readonly failure = 'unavailable';
}

const BREAKER_STATES = {
  [CircuitState.Closed]: 0,
  [CircuitState.HalfOpen]: 1,
  [CircuitState.Open]: 2,
  [CircuitState.Isolated]: 2,
} as const;

/** Calls one other system over HTTP and JSON. */
export class OutboundHttp {
  readonly #policy: IPolicy;

  constructor(private readonly options: OutboundOptions) {
    const { name, concurrency = 10, breakAfter = 5, probeAfterMs = 2_000 } = options;
    const breaker = circuitBreaker(handleAll, { halfOpenAfter: probeAfterMs, breaker: new ConsecutiveBreaker(breakAfter) });
    this.#policy = wrap(bulkhead(concurrency, concurrency), breaker);
    const meter = metrics.getMeter('past-tense');
    meter
      .createObservableGauge('past_tense.breaker.state', {
        description: 'Whether calls are made: 0 yes (closed), 1 probing (half open), 2 no (open)',
      })
      .addCallback((result) => result.observe(BREAKER_STATES[breaker.state], { dependency: name }));
  }

  /**
   * Posts JSON with an idempotency key, so that asking twice is doing once.
   * @returns the answer if the other side gave one, a refusal (4xx) included
   * @throws UnavailableError if it did not: no connection, no answer in time, 5xx or 429, or calls are held back
   */
  async post(path: string, idempotencyKey: string, body: object): Promise<OutboundAnswer> {
    const { name } = this.options;
    try {
      return await this.#policy.execute(() => this.#send(path, idempotencyKey, body));
    } catch (error) {
      if (error instanceof UnavailableError) throw error;
      throw new UnavailableError(`${name} is not called for the moment: ${(error as Error).message}`, { cause: error });
    }
  }

  async #send(path: string, idempotencyKey: string, body: object): Promise<OutboundAnswer> {
    const { name, baseUrl, timeoutMs = 3_000 } = this.options;
    try {
      const response = await fetch(baseUrl.replace(/\/$/, '') + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey, ...correlation() },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = await response.text();
      if (response.status >= 500 || response.status === 429) throw new UnavailableError(`${name} answered ${response.status}`);
      return { status: response.status, body: text ? JSON.parse(text) : undefined };
    } catch (error) {
      if (error instanceof UnavailableError) throw error;
      const { message, cause } = error as Error;
      throw new UnavailableError(`${name} gave no answer: ${(cause as Error | undefined)?.message ?? message}`, { cause: error });
    }
  }
}

/** Tells the other side which flow it is part of; the trace context is added by the instrumentation. */
function correlation(): Record<string, string> {
  const flow = currentFlow();
  return flow ? { 'x-correlation-id': flow.correlationId } : {};
}
