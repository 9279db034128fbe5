import { ownTopics } from '@past-tense/messaging';
import type { Comparison, Contender, Sample } from '../comparison';
import { makeConsumerTables } from '../consumer-database';
import { eventsByTopic, TOPICS_WITH_EVENTS } from '../many-topics';
import { publish as publishEvents, publishUnseen } from '../order-events';
import type { Parts } from '../parts';
import type { ConsumerOfTopicsOptions } from '../programs/consumer-of-topics';
import type { RelayOptions } from '../programs/relay';
import { together } from '../progress';
import { runProgram, withPrograms } from '../start-program';
import { until } from '../until';
import { publish } from './relay';

const ROWS = 20_000;
const AGGREGATES = 5_000;
const WARM_UP = 5_000;
/** Rows that the program of the relay begins with. */
const RELAY_WARM_UP = 2_000;
/** A hundred topics of twelve would be more partitions than anybody gives to one broker on a workstation. */
const PARTITIONS_EACH = 3;

const relayed = (name: string, what: string, more: Partial<RelayOptions>): Contender => ({
  name,
  what: `the relay, ${ROWS.toLocaleString('en')} rows; ${what}`,
  run: (parts) => publish(parts, 'relay', ROWS, more),
});

const relayedTo = (count: number): Contender => ({
  name: `relay, ${count} topic${count === 1 ? '' : 's'}`,
  what: `the relay, ${ROWS.toLocaleString('en')} rows; ${count === 1 ? 'one topic' : `${count} topics in each batch`}`,
  run: (parts) => publishTo(parts, count),
});

const consumed = (count: number, what: string): Contender => ({
  name: `consumer, ${count} topic${count === 1 ? '' : 's'}`,
  what: `the consumer, ${ROWS.toLocaleString('en')} events; ${what}`,
  run: (parts) => consume(parts, count),
});

export const growth: Comparison = {
  name: 'growth',
  title: 'How the cost grows',
  work: `Our relay and our consumer with more of everything; ${AGGREGATES.toLocaleString('en')} aggregates unless it says otherwise, and ${PARTITIONS_EACH} partitions a topic where topics are counted.`,
  units: {
    perSecond: 'events/s',
    cpuMsPerThousand: 'CPU of the process, ms per 1,000',
    machineMsPerThousand: 'CPU of everything, ms per 1,000',
    peakMegabytes: 'peak memory, MB',
  },
  contenders: [
    relayed('relay, 5,000 aggregates', 'four of each', { aggregates: 5_000 }),
    relayed('relay, 10,000 aggregates', 'two of each', { aggregates: 10_000 }),
    relayed('relay, 50,000 published', 'and 50,000 in the table that were published before', { publishedBefore: 50_000 }),
    relayed('relay, 500,000 published', 'and 500,000 in the table that were published before', { publishedBefore: 500_000 }),
    relayedTo(1),
    relayedTo(10),
    relayedTo(100),
    consumed(1, 'all on one topic'),
    consumed(10, 'on ten topics'),
    consumed(100, 'on ten topics, and ninety more on which nothing comes'),
  ],
  goals: [
    { of: 'relay, 10,000 aggregates', beside: 'relay, 5,000 aggregates', value: 'perSecond', atLeast: 0.9 },
    { of: 'relay, 500,000 published', beside: 'relay, 50,000 published', value: 'perSecond', atLeast: 0.9 },
    { of: 'relay, 10 topics', beside: 'relay, 1 topic', value: 'perSecond' },
    { of: 'relay, 100 topics', beside: 'relay, 1 topic', value: 'perSecond' },
    { of: 'consumer, 10 topics', beside: 'consumer, 1 topic', value: 'perSecond' },
    { of: 'consumer, 100 topics', beside: 'consumer, 10 topics', value: 'perSecond' },
  ],
  rounds: 3,
};

async function publishTo(parts: Parts, count: number): Promise<Sample> {
  const topics = Array.from({ length: count }, () => parts.name('topic'));
  const warmUpTopic = parts.name('warm-up');
  return await parts.withDatabase((url) =>
    parts.withTopics(
      [...topics, warmUpTopic],
      async () => {
        const { broker } = parts.kafka;
        const options: RelayOptions = { url, broker, topic: topics[0]!, topics, warmUpTopic, rows: ROWS, aggregates: AGGREGATES };
        const sample = await runProgram('relay', options);
        for (const topic of topics) {
          const arrived = await parts.count(topic);
          const wanted = (RELAY_WARM_UP + ROWS) / count;
          // More is allowed: a request that one new partition refuses is sent again as a whole.
          if (arrived < wanted) throw new Error(`The relay has published ${arrived} of ${wanted} events to ${topic}.`);
        }
        return sample;
      },
      PARTITIONS_EACH,
    ),
  );
}

async function consume(parts: Parts, count: number): Promise<Sample> {
  const consumer = parts.name('consumer');
  const { broker } = parts.kafka;
  const busy = TOPICS_WITH_EVENTS.slice(0, count);
  const topics = [...busy, ...Array.from({ length: count - busy.length }, () => parts.name('silent'))];
  return await parts.withDatabase((url) =>
    parts.withTopics(
      [...topics, ...ownTopics(consumer)],
      async () => {
        await makeConsumerTables(url);
        const options: ConsumerOfTopicsOptions = { url, broker, consumer, topics, events: ROWS, warmUp: WARM_UP };
        const effects = async () =>
          (await parts.sql<{ rows: number }>('SELECT count(DISTINCT event_id)::int AS rows FROM effects', url))[0]!.rows;
        const sample = await withPrograms('consumer-of-topics', [options], async ([program]) => {
          await parts.untilJoined(consumer, 1);
          await publishAll(broker, WARM_UP, busy.length);
          await until(`${WARM_UP} events had their effects`, async () => (await effects()) === WARM_UP);
          const byTopic = [...eventsByTopic(ROWS, AGGREGATES, busy.length)];
          const commits = await Promise.all(byTopic.map(([topic, events]) => publishUnseen(broker, topic, events)));
          const [worked] = await Promise.all([program!.go(), ...commits.map((commit) => commit())]);
          return together([worked], ROWS);
        });
        const done = await effects();
        if (done !== WARM_UP + ROWS) throw new Error(`Of ${WARM_UP + ROWS} events ${done} had an effect.`);
        return sample;
      },
      PARTITIONS_EACH,
    ),
  );
}

async function publishAll(broker: string, events: number, topics: number): Promise<void> {
  await Promise.all([...eventsByTopic(events, AGGREGATES, topics)].map(([topic, messages]) => publishEvents(broker, topic, messages)));
}
