import { ownTopics } from '@past-tense/messaging';
import type { Comparison, Contender } from '../comparison';
import { makeConsumerTables } from '../consumer-database';
import type { IdleOptions } from '../idle';
import { runProgram } from '../start-program';

const COMMITS = 300;
const TOPIC = 'order-placed';

const contender = (name: string, what: string, program: string): Contender => ({
  name,
  what,
  run: (parts) =>
    parts.withDatabase((url) =>
      parts.withDatabase(async (consumerUrl) => {
        await makeConsumerTables(consumerUrl);
        const group = parts.name('idle');
        return await parts.withTopics([TOPIC, ...ownTopics(group)], async () => {
          const options: IdleOptions = { url, consumerUrl, broker: parts.kafka.broker, topic: TOPIC, group, commits: COMMITS };
          const sample = await runProgram(program, options);
          const [found] = await parts.sql<{ effects: number }>('SELECT count(*)::int AS effects FROM effects', consumerUrl);
          const [placed] = await parts.sql<{ orders: number }>('SELECT count(*)::int AS orders FROM orders', url);
          if (found!.effects !== placed!.orders)
            throw new Error(`${program} has had ${found!.effects} effects of ${placed!.orders} orders.`);
          return sample;
        });
      }),
    ),
});

export const idle: Comparison = {
  name: 'idle',
  title: 'From commit to effects while little happens',
  work: `One order every 30 ms on average, ${COMMITS} measured: from the moment before its COMMIT is sent until the COMMIT of its effects, in another database, has returned.`,
  units: {
    p50Ms: 'p50, ms',
    p95Ms: 'p95, ms',
    p99Ms: 'p99, ms',
    cpuMsPerThousand: 'CPU of the process, ms per 1,000',
    peakMegabytes: 'peak memory, MB',
  },
  contenders: [
    contender('ours', 'outbox, relay woken by the commit, consumer with dedup, the effect deferred', 'idle'),
    contender(
      'floor',
      'COMMIT, acknowledged send with kafkajs, then BEGIN, INSERT of the effect, COMMIT, with nothing in between: the limit',
      'idle-floor',
    ),
    contender('100 ms polling', 'a relay that polls, a kafkajs consumer with eachMessage and dedup', 'idle-polling'),
  ],
  goals: [
    { of: 'ours', beside: 'floor', value: 'p50Ms', atMost: 1.3 },
    { of: 'ours', beside: 'floor', value: 'p99Ms', atMost: 1.5 },
    { of: 'ours', beside: '100 ms polling', value: 'p50Ms', atMost: 1 },
  ],
};
