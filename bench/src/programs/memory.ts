import { newId } from '@past-tense/envelope';
import type { Database } from '@past-tense/database';
import { openConsumerDatabase } from '../consumer-database';
import { insertEffect, takeEvent } from '../effects';
import { program } from '../program';

export interface MemoryOptions {
  readonly url: string;
  readonly consumer: string;
  readonly events: number;
  readonly warmUp: number;
  readonly aggregates: number;
  /** Whether each event has its effect besides being claimed. */
  readonly effects: boolean;
}

/** As many as a consumer handles side by side. */
const CONCURRENCY = 10;

/** The SQL of a consumer, as it is, for events that are in memory: no Kafka, nothing to decode or to check. */
program(async ({ url, consumer, events, warmUp, aggregates, effects }: MemoryOptions) => {
  const database = await openConsumerDatabase(url);
  const handle = async (count: number) => {
    const ids = Array.from({ length: count }, newId);
    let next = 0;
    const worker = async () => {
      while (next < count) {
        const i = next++;
        await take(database, consumer, { id: ids[i]!, aggregateId: aggregate(i % aggregates) }, effects);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  };
  await handle(warmUp);
  return {
    async run() {
      await handle(events);
      return { events };
    },
    end: () => database.close(),
  };
});

async function take(database: Database, consumer: string, event: { id: string; aggregateId: string }, effects: boolean): Promise<void> {
  const session = await database.session();
  try {
    await session.query('BEGIN');
    const { rows } = await session.query<{ verdict: string }>({ ...takeEvent, values: [consumer, event.id, event.aggregateId] });
    if (rows[0]!.verdict !== 'taken') throw new Error(`Event ${event.id} could not be claimed.`);
    if (effects) await session.query({ ...insertEffect, values: [event.id, event.aggregateId] });
    await session.query('COMMIT');
  } finally {
    session.release();
  }
}

const aggregate = (number: number) => `019aa000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
