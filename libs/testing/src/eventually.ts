import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_POLL_MS = 25;
// What takes long need not be asked for as often: most checks ask a service, a database or Kafka, which have other things to do.
const LAST_POLL_MS = 100;

/**
 * Waits until a check passes and returns what it returns. Checks again and again instead of sleeping for a guessed time.
 * @param check throws (or fails an expectation) as long as the condition does not hold
 * @throws what the check threw last, when the time is over
 */
export async function eventually<T>(check: () => T | Promise<T>, timeoutMs = 30_000): Promise<T> {
  const startedAt = Date.now();
  const deadline = startedAt + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      const now = Date.now();
      if (now >= deadline) throw error;
      await sleep(Math.min(FIRST_POLL_MS + (now - startedAt) / 20, LAST_POLL_MS));
    }
  }
}
