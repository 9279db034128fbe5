import type { Stack } from '@past-tense/local';
import { measuredTogether, type Comparison, type Sample } from '../comparison';
import { cpuSecondsOf } from '../processes';
import type { PlaceOrdersOptions } from '../programs/place-orders';
import { accessTo, pidsOf, profiled, profilingEnv, STACK_PROCESSES, withStack, type StackAccess } from '../running-stack';
import { withPrograms } from '../start-program';

/** Orders on their way at once, and how many are placed then. */
const LEVELS = [
  { atOnce: 1, orders: 60 },
  { atOnce: 4, orders: 200 },
  { atOnce: 16, orders: 600 },
  { atOnce: 64, orders: 800 },
];

const MOST_AT_ONCE = Math.max(...LEVELS.map(({ atOnce }) => atOnce));
const WARM_UP = 100;
const LOOK_EVERY_MS = 20;

export const throughput: Comparison = {
  name: 'throughput',
  title: 'Orders per second',
  work: 'Orders placed over HTTP, the next one as soon as one is completed; the clock stops when all are completed and tracking knows every fact.',
  units: {
    perSecond: 'orders/s',
    p50Ms: 'p50, ms',
    p95Ms: 'p95, ms',
    coresBusy: 'cores busy',
    everything: 'CPU of everything, ms per order',
    ...Object.fromEntries(STACK_PROCESSES.map((name) => [name, `${name}, CPU ms per order`])),
    client: 'the one who places them, CPU ms per order',
  },
  contenders: measuredTogether(Object.fromEntries(LEVELS.map(({ atOnce, orders }) => [`${atOnce} at once`, `${orders} orders`])), () =>
    withStack(async (stack) => {
      const access = await accessTo(stack);
      const samples: Record<string, Sample> = {};
      let placed = 0;
      for (const { atOnce, orders } of LEVELS) {
        const measure = () => placeOrders(stack, access, orders, atOnce);
        samples[`${atOnce} at once`] = await (atOnce === MOST_AT_ONCE ? profiled(stack, measure) : measure());
        placed += WARM_UP + orders;
        await requireOnce(access, placed);
      }
      return samples;
    }, profilingEnv()),
  ),
  goals: [],
  rounds: 2,
};

/** Places orders, so many at once, on a system that is warmed up first. */
export async function placeOrders(stack: Stack, access: StackAccess, orders: number, concurrency: number): Promise<Sample> {
  const pids = pidsOf(stack);
  const options: PlaceOrdersOptions = { ...access, orders, warmUp: WARM_UP, concurrency, lookEveryMs: LOOK_EVERY_MS };
  const used = () => STACK_PROCESSES.map((name) => cpuSecondsOf(pids[name]));
  const [before, { values }, after] = await withPrograms(
    'place-orders',
    [options],
    async ([client]) => [used(), await client!.go(), used()] as const,
  );
  const everything = values['machineMsPerThousand']! / 1_000;
  return {
    values: {
      ...values,
      everything,
      coresBusy: (everything * values['perSecond']!) / 1_000,
      ...Object.fromEntries(STACK_PROCESSES.map((name, i) => [name, (1_000 * (after[i]! - before[i]!)) / orders])),
      client: values['cpuMsPerThousand']! / 1_000,
    },
  };
}

/** The books of the outside world: for each order money was taken once and one parcel handed over. */
async function requireOnce({ sandboxUrl }: StackAccess, orders: number): Promise<void> {
  const answer = await fetch(`${sandboxUrl}/books`);
  const { totals } = (await answer.json()) as { totals: { kind: string; accepted: boolean; entries: number; references: number }[] };
  for (const kind of ['capture', 'parcel']) {
    const found = totals.find((total) => total.kind === kind && total.accepted);
    if (found?.entries !== orders || found.references !== orders)
      throw new Error(
        `The sandbox has ${found?.entries ?? 0} entries of the kind ${kind} for ${found?.references ?? 0} orders, and ${orders} were placed.`,
      );
  }
}
