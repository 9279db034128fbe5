import { SERVICES } from '@past-tense/local';
import { ownTopics } from '@past-tense/messaging';
import { setTimeout as sleep } from 'node:timers/promises';
import { measuredTogether, type Comparison, type Sample } from '../comparison';
import { makeConsumerTables } from '../consumer-database';
import type { Parts } from '../parts';
import { cpuSecondsOf, residentMegabytesOf } from '../processes';
import type { IdlePartsOptions } from '../programs/idle-parts';
import { MESSAGING_SERVICES, pidsOf, STACK_PROCESSES, withStack, type StackProcess } from '../running-stack';
import { runProgram } from '../start-program';

const SETTLED_AFTER_MS = 10_000;
const IDLE_MS = 30_000;
const FOUR = 'the four with messaging';
const ALL = 'the whole stack';
const PARTS = 'a relay and a consumer';
const TOPIC = 'order-placed';

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
  contenders: [
    {
      name: PARTS,
      what: 'alone in one process, with one topic and its own for retries, without HTTP, webhooks, jobs, commands and metrics',
      run: (parts) => idleParts(parts),
    },
    ...measuredTogether({ [FOUR]: MESSAGING_SERVICES.join(', '), [ALL]: 'every process', ...what }, () =>
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
  ],
  goals: [
    { of: PARTS, value: 'percentOfCore' },
    { of: FOUR, value: 'percentOfCore', atMost: 2 },
  ],
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

async function idleParts(parts: Parts): Promise<Sample> {
  return await parts.withDatabase(async (url) => {
    await makeConsumerTables(url);
    const group = parts.name('idle');
    const options: IdlePartsOptions = { url, broker: parts.kafka.broker, topic: TOPIC, group, forMs: IDLE_MS };
    return await parts.withTopics([TOPIC, ...ownTopics(group)], () => runProgram('idle-parts', options));
  });
}

function sum(samples: Readonly<Record<string, Sample>>, names: readonly string[]): Sample {
  const of = (value: string) => names.reduce((total, name) => total + samples[name]!.values[value]!, 0);
  return { values: { percentOfCore: of('percentOfCore'), megabytes: of('megabytes') } };
}
