import type { Prepared } from './program';
import { percentiles } from './statistics';
import { setTimeout as sleep } from 'node:timers/promises';

export interface IdleOptions {
  /** Database of the side that publishes. */
  readonly url: string;
  /** Database of the side that consumes, with its tables. */
  readonly consumerUrl: string;
  readonly broker: string;
  readonly topic: string;
  readonly group: string;
  /** How many are measured. */
  readonly commits: number;
}

/** One right after the other: what runs now and then is compiled too, only later. */
const WARM_UP = 500;
const MEAN_PAUSE_MS = 30;

/**
 * A machine on which little happens: one commit after the other, each a while after the last, and not in step with anything that polls.
 * @param place commits one; returns the milliseconds from the moment before its COMMIT was sent until that of its effects has returned
 */
export async function everyNowAndThen(commits: number, place: () => Promise<number>): Promise<Pick<Prepared, 'run'>> {
  for (let i = 0; i < WARM_UP; i += 1) await place();
  const measure = async (count: number) => {
    const placed: Promise<number>[] = [];
    for (let i = 0; i < count; i += 1) {
      await sleep(MEAN_PAUSE_MS * (0.5 + Math.random()));
      placed.push(place());
    }
    return percentiles(await Promise.all(placed));
  };
  return { run: async () => ({ events: commits, values: await measure(commits) }) };
}
