const JITTER = 0.1;

/**
 * How long to wait after a failed attempt, milliseconds; undefined if it was the last one.
 * @param delaysMs between the attempts
 * @param attempts made so far, at least 1
 * @param retryAfterMs what the receiver asked for; it can make the delay longer, never shorter
 * @param random from 0 to 1, so that what failed together does not come back together
 */
export function delayAfter(
  delaysMs: readonly number[],
  attempts: number,
  retryAfterMs = 0,
  random: () => number = Math.random,
): number | undefined {
  const delay = delaysMs[attempts - 1];
  return delay === undefined ? undefined : Math.max(Math.round(delay * (1 - JITTER + 2 * JITTER * random())), retryAfterMs);
}
