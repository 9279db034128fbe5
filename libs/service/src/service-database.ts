import type * as Commands from '@past-tense/commands';
import { Database, type DatabaseOptions } from '@past-tense/database';
import { DEDUP_MIGRATIONS } from '@past-tense/dedup';
import { MESSAGING_MIGRATIONS } from '@past-tense/messaging';
import { OUTBOX_MIGRATIONS } from '@past-tense/outbox';
import type { Logger } from '@past-tense/telemetry';
import type { ServiceDefinition } from './run-service';
import type { HttpSettings } from './settings';

/** What the database of a service is opened with: its own tables, and those of what it uses. */
export function databaseOptions(
  { name, entities, migrations, messages }: Pick<ServiceDefinition, 'name' | 'entities' | 'migrations' | 'messages'>,
  settings: Pick<HttpSettings, 'DATABASE_URL' | 'DATABASE_POOL_SIZE'>,
  logger: Logger,
  commands?: typeof Commands,
): DatabaseOptions {
  return {
    url: settings.DATABASE_URL,
    applicationName: name,
    poolSize: settings.DATABASE_POOL_SIZE,
    entities,
    migrations: [
      ...(messages ? [...OUTBOX_MIGRATIONS, ...DEDUP_MIGRATIONS, ...MESSAGING_MIGRATIONS] : []),
      ...(commands?.COMMAND_SERVER_MIGRATIONS ?? []),
      ...migrations,
    ],
    logger,
  };
}

/**
 * Connects to the database and brings it up to date.
 * @param url its address, for the sentence that says that it does not answer
 * @throws Error in one sentence with the remedy
 */
export async function openDatabase(database: Database, url: string): Promise<void> {
  const { host, pathname } = new URL(url);
  try {
    await database.connect();
  } catch (error) {
    throw new Error(
      `PostgreSQL at ${host}${pathname} cannot be used: ${(error as Error).message || (error as NodeJS.ErrnoException).code}. Check DATABASE_URL and that PostgreSQL runs.`,
      { cause: error },
    );
  }
  await database.migrate();
}
