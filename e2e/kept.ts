import { allTopics } from '@past-tense/contracts';
import { offsetsOf } from '@past-tense/messaging';
import type { ServiceName } from '@past-tense/local';
import { CONSUMERS, type System } from './system';

/** Tables in which it is noted how messages were delivered, and what tools did; everything else is what a service keeps. */
const DELIVERY = new Set([
  'migrations',
  'outbox_leases',
  'outbox_relays',
  'processed_events',
  'started_events',
  'replays',
  'replayed_events',
  'position_resets',
  'position_reset_partitions',
  'rebuilds',
]);

/**
 * Everything that the services keep, the outside world has been asked to do and the topics of events hold: a checksum for each table, the sandbox's
 * totals, and the end of each topic.
 */
export async function everythingKept(system: System): Promise<Record<string, string>> {
  const kept: Record<string, string> = { books: JSON.stringify(await system.books()) };
  for (const service of [...CONSUMERS, 'sandbox'] as ServiceName[]) {
    const tables = await system.query<{ name: string }>(
      service,
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1`,
    );
    for (const { name } of tables.filter((table) => !DELIVERY.has(table.name))) {
      const [row] = await system.query<{ sum: string }>(
        service,
        `SELECT count(*) || ' rows, ' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) AS sum FROM "${name}" AS t`,
      );
      kept[`${service}.${name}`] = row!.sum;
    }
  }
  const offsets = await offsetsOf(
    system.kafka,
    allTopics().map(({ name }) => name),
  );
  for (const { topic, partition, high } of offsets) kept[`${topic}/${partition}`] = `ends at ${high}`;
  return kept;
}
