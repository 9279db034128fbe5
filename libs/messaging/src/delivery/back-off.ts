/** Doubling delays with jitter, so that many waiting events do not come back at the same moment. */
export function backOff(retries: number, { firstDelayMs, maxDelayMs }: { firstDelayMs: number; maxDelayMs: number }): number {
  return Math.round(Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(retries, 20)) * (0.5 + Math.random() / 2));
}
