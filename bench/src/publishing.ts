import type { Database } from '@past-tense/database';
import type { Sample } from './comparison';
import { fillOutbox, outboxDatabase } from './outbox-rows';
import type { Parts } from './parts';
import type { RelayOptions } from './programs/relay';
import { together } from './progress';
import { withPrograms } from './start-program';
import { outOfOrder, readBack } from './topic-order';
import { until } from './until';

/** What relays are to do. */
export interface Publishing {
  /** Their program. */
  readonly program: 'shared-relay' | 'shared-skip-locked-relay';
  /** How many of it share the outbox. */
  readonly instances: number;
  readonly rows: number;
  readonly aggregates: number;
}

// What a service says to the relays of the others when it has committed.
const tellRelays = { name: 'bench-notify', text: `SELECT pg_notify('outbox_committed', '')` };

/**
 * Lets relays publish the rows of one outbox together, which are there all at once, and reads back what is on the topic. The time is from the first
 * send to the last acknowledgement.
 * @returns also `outOfOrder`, the events that came after a later one of their aggregate
 * @throws Error if an event is missing
 */
export async function publishTogether(parts: Parts, { program, instances, rows, aggregates }: Publishing): Promise<Sample> {
  const [topic, warmUpTopic] = [parts.name('relay'), parts.name('warm-up')];
  return await parts.withDatabase((url) =>
    parts.withTopics([topic, warmUpTopic], async () => {
      const options: RelayOptions = { url, broker: parts.kafka.broker, topic, warmUpTopic, rows, aggregates };
      const database = await outboxDatabase(url);
      try {
        const sample = await withPrograms(program, Array<RelayOptions>(instances).fill(options), async (programs) => {
          if (program === 'shared-relay') await untilShared(database, instances);
          const samples = await database.transaction(async (transaction) => {
            await fillOutbox(transaction, topic, rows, aggregates);
            await transaction.query(tellRelays);
            return programs.map((one) => one.go()); // Those of an array are not waited for, so the commit comes next.
          });
          return together(await Promise.all(samples), rows);
        });
        const read = await readBack(parts.kafka.broker, topic, await parts.count(topic));
        const arrived = new Set(read.map(({ eventId }) => eventId)).size;
        if (arrived !== rows) throw new Error(`${instances} × ${program} have published ${arrived} of ${rows} events.`);
        return { values: { ...sample.values, outOfOrder: outOfOrder(read) } };
      } finally {
        await database.close();
      }
    }),
  );
}

/** Waits until every relay has its share of the shards. */
async function untilShared(database: Database, relays: number): Promise<void> {
  const shares = {
    name: 'bench-shares',
    text: 'SELECT count(*)::int AS shards FROM outbox_leases WHERE expires_at > now() GROUP BY holder',
  };
  const all = { name: 'bench-shards', text: 'SELECT count(*)::int AS shards FROM outbox_leases' };
  const [{ shards: total }] = (await database.query<{ shards: number }>(all)) as [{ shards: number }];
  await until(`${relays} relays share the outbox`, async () => {
    const held = (await database.query<{ shards: number }>(shares)).map(({ shards }) => shards);
    const fair = held.length === relays && Math.max(...held) <= Math.ceil(total / relays);
    return fair && held.reduce((sum, one) => sum + one, 0) === total;
  });
}
