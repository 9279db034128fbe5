import { ownTopics } from '@past-tense/messaging';
import type { Message } from 'kafkajs';
import type { Sample } from './comparison';
import { makeConsumerTables } from './consumer-database';
import { ORDER_COMPLETED, ORDER_PLACED, orderEvents, placedEvents, publish, publishUnseen } from './order-events';
import type { Parts } from './parts';
import { personalDataIn } from './personal';
import { together } from './progress';
import { withPrograms } from './start-program';
import { until } from './until';

export const AGGREGATES = 5_000;

/** Events that are done before it counts: enough that each partition is past the first few hundred, which a consumer begins more carefully. */
export const WARM_UP = 5_000;

/** What consumers are to do. */
export interface Consuming {
  /** Their program. */
  readonly program?: 'consumer' | 'nest-consumer';
  /** How many of it share the group. */
  readonly instances?: number;
  readonly events: number;
  readonly warmUp?: number;
  /** The table in which they leave a row for each event. */
  readonly table?: 'effects' | 'timeline';
  /** Which event: that an order was completed, if left out, or that one was placed. */
  readonly event?: 'placed plain' | 'placed sealed';
  /** What else the program is told. */
  readonly options?: object;
}

/**
 * Lets consumers do events, on an empty database and empty topics: they have joined, are warm and wait; then all events are there at once. The time
 * is from the first effect to the last commit.
 * @throws Error if an event had no effect, or more than one
 */
export async function consume(
  parts: Parts,
  { program = 'consumer', instances = 1, events, warmUp = WARM_UP, table = 'effects', event, options = {} }: Consuming,
): Promise<Sample> {
  const consumer = parts.name('consumer');
  const { broker } = parts.kafka;
  const told = Array.from({ length: instances }, () => ({ broker, consumer, events, warmUp, event, ...options }));
  const topic = event ? ORDER_PLACED : ORDER_COMPLETED;
  return await parts.withDatabase((url) =>
    parts.withTopics([topic, ...ownTopics(consumer)], async () => {
      await makeConsumerTables(url);
      const sample = await withPrograms(
        program,
        told.map((one) => ({ url, ...one })),
        async (programs) => {
          await parts.untilJoined(consumer, instances);
          await publish(broker, topic, await messagesOf(url, event, warmUp));
          const effects = async () => (await parts.sql<{ rows: number }>(`SELECT count(*)::int AS rows FROM ${table}`, url))[0]!.rows;
          await until(`${warmUp} events had their effects`, async () => (await effects()) === warmUp);
          const commit = await publishUnseen(broker, topic, await messagesOf(url, event, events));
          const [samples] = await Promise.all([Promise.all(programs.map((one) => one.go())), commit()]);
          return together(samples, events);
        },
      );
      await requireOneEffectEach(parts, url, table, warmUp + events);
      return sample;
    }),
  );
}

async function messagesOf(url: string, event: Consuming['event'], count: number): Promise<Iterable<Message>> {
  if (event === undefined) return orderEvents(count, AGGREGATES);
  if (event === 'placed plain') return await placedEvents(count);
  const { personal, close } = await personalDataIn(url);
  return await placedEvents(count, personal).finally(close);
}

async function requireOneEffectEach(parts: Parts, url: string, table: string, events: number): Promise<void> {
  const [found] = await parts.sql<{ rows: number; ids: number }>(
    `SELECT count(*)::int AS rows, count(DISTINCT event_id)::int AS ids FROM ${table}`,
    url,
  );
  if (found!.rows !== events || found!.ids !== events)
    throw new Error(`Of ${events} events ${found!.ids} had an effect, and there are ${found!.rows} effects.`);
}
