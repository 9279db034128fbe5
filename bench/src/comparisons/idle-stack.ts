import { SERVICES } from '@past-tense/local';
import { setTimeout as sleep } from 'node:timers/promises';
import { measuredTogether, type Comparison, type Sample } from '../comparison';
import { cpuSecondsOf, residentMegabytesOf } from '../processes';
import { MESSAGING_SERVICES, pidsOf, STACK_PROCESSES, withStack, type StackProcess } from '../running-stack';

const SETTLED_AFTER_MS = 10_000;
const IDLE_MS = 30_000;
const FOUR = 'the four with messaging';
const ALL = 'the whole stack';

const what: Record<string, string> = {
  ...Object.fromEntries(SERVICES.map((service) => [service, 'service with relay and consumer'])),
  sandbox: 'the payment provider and the carrier',
  PostgreSQL: 'with all of its processes',
  Kafka: 'one broker',
  registry: 'Apicurio',
  issuer: 'the development issuer',
};

export const idleStack: Comparison = {
  name: 'idle-stack',
  title: 'What the idle stack costs',
  work: `All of it started as npm start does it, nothing asked of it: ${IDLE_MS / 1_000} s from ${SETTLED_AFTER_MS / 1_000} s after everything was ready.`,
  units: { percentOfCore: '% of a core', megabytes: 'memory, MB' },
  contenders: measuredTogether({ [FOUR]: MESSAGING_SERVICES.join(', '), [ALL]: 'every process', ...what }, () =>
    withStack(async (stack) => {
      const pids = pidsOf(stack);
      await sleep(SETTLED_AFTER_MS);
      const percents = await idlePercents(pids);
      const samples: Record<string, Sample> = {};
      for (const [i, name] of STACK_PROCESSES.entries())
        samples[name] = { values: { percentOfCore: percents[i]!, megabytes: residentMegabytesOf(pids[name]) } };
      return { ...samples, [FOUR]: sum(samples, MESSAGING_SERVICES), [ALL]: sum(samples, STACK_PROCESSES) };
    }),
  ),
  goals: [{ of: FOUR, value: 'percentOfCore', atMost: 2 }],
  rounds: 2,
};

/** The share of a core that each process uses while it idles. */
async function idlePercents(pids: Readonly<Record<StackProcess, number>>): Promise<number[]> {
  const used = () => STACK_PROCESSES.map((name) => cpuSecondsOf(pids[name]));
  const [before, startedAt] = [used(), performance.now()];
  await sleep(IDLE_MS);
  const seconds = (performance.now() - startedAt) / 1_000;
  return used().map((after, i) => (100 * (after - before[i]!)) / seconds);
}

function sum(samples: Readonly<Record<string, Sample>>, names: readonly string[]): Sample {
  const of = (value: string) => names.reduce((total, name) => total + samples[name]!.values[value]!, 0);
  return { values: { percentOfCore: of('percentOfCore'), megabytes: of('megabytes') } };
}
