import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 25;

/**
 * Waits until a check passes and returns what it returns. Checks again and again instead of sleeping for a guessed time.
 * @param check throws (or fails an expectation) as long as the condition does not hold
 * @throws what the check threw last, when the time is over
 */
export async function eventually<T>(check: () => T | Promise<T>, timeoutMs = 30_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() >= deadline) throw error;
      await sleep(POLL_MS);
    }
  }
}
