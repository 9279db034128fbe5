import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 300_000;

/**
 * Waits until something is so.
 * @param what what it is, to be said if it does not come true
 * @param everyMs milliseconds between two looks
 * @throws Error after five minutes; what `isSo` throws
 */
export async function until(what: string, isSo: () => Promise<boolean>, everyMs = 50): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`It did not come true within ${LIMIT_MS / 60_000} minutes that ${what}.`);
    await sleep(everyMs);
  }
}
