/** How often and how patiently a failing event is tried in place. */
export interface RetryPolicy {
  /** Attempts in all before the event is moved away. */
  readonly attempts: number;
  /** Milliseconds before the second attempt; doubled for each further one. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/** Doubling delays with jitter, so that many waiting events do not come back at the same moment. */
export function backOff(retries: number, { firstDelayMs, maxDelayMs }: { firstDelayMs: number; maxDelayMs: number }): number {
  return Math.round(Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(retries, 20)) * (0.5 + Math.random() / 2));
}
