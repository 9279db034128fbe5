import { AGGREGATES, consume, WARM_UP, type Consuming } from '../consuming';
import { makeConsumerTables } from '../consumer-database';
import type { Comparison, Contender, Sample } from '../comparison';
import type { Parts } from '../parts';
import type { MemoryOptions } from '../programs/memory';
import { runProgram } from '../start-program';

const EVENTS = 20_000;
/** Nest does fewer events a second, and as many seconds. */
const NEST = { program: 'nest-consumer', warmUp: 1_000 } as const;

async function fromMemory(parts: Parts): Promise<Sample> {
  return await parts.withDatabase(async (url) => {
    await makeConsumerTables(url);
    const options: MemoryOptions = { url, consumer: 'memory', events: EVENTS, warmUp: WARM_UP, aggregates: AGGREGATES, effects: true };
    const sample = await runProgram('memory', options);
    const [found] = await parts.sql<{ rows: number }>('SELECT count(*)::int AS rows FROM effects', url);
    if (found!.rows !== WARM_UP + EVENTS) throw new Error(`There are ${found!.rows} effects of ${WARM_UP + EVENTS} events from memory.`);
    return sample;
  });
}

const contender = (name: string, what: string, consuming: Consuming): Contender => ({
  name,
  what,
  run: (parts) => consume(parts, consuming),
});

export const consumer: Comparison = {
  name: 'consumer',
  title: 'Consuming, each event once',
  work: `${EVENTS.toLocaleString('en')} events of ${AGGREGATES.toLocaleString('en')} aggregates on 12 partitions, there all at once for consumers that wait, are warm and have joined; each claimed and its effect, one INSERT, committed together with the claim. Nest does fewer of them.`,
  units: {
    perSecond: 'events/s',
    cpuMsPerThousand: 'CPU of the process, ms per 1,000',
    machineMsPerThousand: 'CPU of everything, ms per 1,000',
    peakMegabytes: 'peak memory, MB',
  },
  contenders: [
    contender('group commit', 'our consumer as it is: up to 50 events of a backlog share a transaction, and the effect is deferred', {
      events: EVENTS,
    }),
    contender('event by event', 'our consumer, a transaction for each event, the effect deferred', {
      events: EVENTS,
      options: { groupCommit: 1 },
    }),
    {
      name: 'memory',
      what: 'the same SQL for events in memory, ten at once, a transaction for each: the limit of event by event',
      run: fromMemory,
    },
    contender('Nest one at a time', "Nest's Kafka microservice as it is, with that transaction", {
      ...NEST,
      events: 2_000,
      options: { partitionsAtOnce: 1 },
    }),
    contender('Nest twelve at once', 'the same with partitionsConsumedConcurrently: 12', {
      ...NEST,
      events: 6_000,
      options: { partitionsAtOnce: 12 },
    }),
  ],
  goals: [
    { of: 'event by event', beside: 'memory', value: 'perSecond', atLeast: 0.9 },
    { of: 'group commit', beside: 'memory', value: 'perSecond', atLeast: 2.5 },
    { of: 'group commit', beside: 'Nest one at a time', value: 'perSecond', atLeast: 8 },
    { of: 'group commit', beside: 'Nest twelve at once', value: 'perSecond', atLeast: 3 },
  ],
};
