import { Database } from '@past-tense/database';
import { DEDUP_MIGRATIONS, maintainPartitions } from '@past-tense/dedup';
import { MESSAGING_MIGRATIONS } from '@past-tense/messaging';
import { OUTBOX_MIGRATIONS } from '@past-tense/outbox';
import { EFFECTS_TABLE } from './effects';
import { logger } from './outbox-rows';
import { TIMELINE_TABLE, TimelineRow } from './timeline';

/** How long a processed event is remembered, milliseconds. */
export const TTL_MS = 30 * 86_400_000;

/** Opens the database of a service that consumes, with as many connections as a service has. */
export async function openConsumerDatabase(url: string): Promise<Database> {
  const database = new Database({
    url,
    applicationName: 'bench',
    entities: [TimelineRow],
    migrations: [...OUTBOX_MIGRATIONS, ...DEDUP_MIGRATIONS, ...MESSAGING_MIGRATIONS],
    logger,
  });
  await database.connect();
  return database;
}

/**
 * Makes the tables of a service that consumes, and those of its effects.
 * @param ttlMs how long a processed event is remembered, milliseconds
 */
export async function makeConsumerTables(url: string, ttlMs = TTL_MS): Promise<void> {
  const database = await openConsumerDatabase(url);
  try {
    await database.migrate();
    await maintainPartitions(database, ttlMs);
    await database.query({ name: 'bench-effects', text: EFFECTS_TABLE });
    for (const [i, text] of TIMELINE_TABLE.entries()) await database.query({ name: `bench-timeline-${i}`, text });
  } finally {
    await database.close();
  }
}
