import { ConfigurationError, httpUrl, readConfig } from '@past-tense/config';
import { allTopics } from '@past-tense/contracts';
import { readFileSync } from 'node:fs';
import { Client, escapeIdentifier } from 'pg';
import { z } from 'zod';
import { connectorOf, PUBLICATION, READER } from './connector';

const settings = z.object({
  /** Kafka Connect's REST API. */
  CONNECT_URL: httpUrl(),
  DATABASE_HOST: z.string().default('postgres'),
  /** Folder with a folder for each role, which holds its password. */
  SECRETS_FOLDER: z.string().default('/secrets'),
});

/** Hands the outboxes over to Debezium: lets it read them, and tells Kafka Connect how. Doing it twice changes nothing. */
async function setUp(): Promise<void> {
  const { CONNECT_URL, DATABASE_HOST, SECRETS_FOLDER } = readConfig(settings);
  for (const service of new Set(allTopics().map(({ producer }) => producer))) {
    const password = readFileSync(`${SECRETS_FOLDER}/${service}/password`, 'utf8');
    await allowReading(service, new Client({ host: DATABASE_HOST, user: service, database: service, password }));
    const name = `${service}-outbox`;
    const config = connectorOf(service, DATABASE_HOST, SECRETS_FOLDER);
    const answer = await fetch(`${CONNECT_URL}/connectors/${name}/config`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(config),
      signal: AbortSignal.timeout(60_000),
    });
    if (!answer.ok) throw new Error(`Kafka Connect refuses the connector ${name} (${answer.status}): ${await answer.text()}`);
    await untilRunning(CONNECT_URL, name);
    process.stdout.write(`connector ${name}: runs\n`);
  }
}

/** The service's own role lets the reader in and publishes its outbox: only inserts, and only to the one who reads it. */
async function allowReading(database: string, client: Client): Promise<void> {
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_publication WHERE pubname = $1', [PUBLICATION]);
    if (rowCount === 0) await client.query(`CREATE PUBLICATION ${PUBLICATION} FOR TABLE outbox WITH (publish = 'insert')`);
    await client.query(`GRANT CONNECT ON DATABASE ${escapeIdentifier(database)} TO ${READER}`);
    await client.query(`GRANT SELECT ON outbox TO ${READER}`);
  } finally {
    await client.end();
  }
}

async function untilRunning(connectUrl: string, name: string): Promise<void> {
  let said = '';
  for (const until = Date.now() + 60_000; Date.now() < until; await new Promise((resolve) => setTimeout(resolve, 500))) {
    const answer = await fetch(`${connectUrl}/connectors/${name}/status`, { signal: AbortSignal.timeout(10_000) });
    said = await answer.text();
    if (!answer.ok) continue;
    const { tasks = [] } = JSON.parse(said) as { tasks?: { state: string; trace?: string }[] };
    if (tasks.length > 0 && tasks.every(({ state }) => state === 'RUNNING')) return;
    const failed = tasks.find(({ state }) => state === 'FAILED');
    if (failed) throw new Error(`The connector ${name} has failed: ${failed.trace?.split('\n')[0]}`);
  }
  throw new Error(`The connector ${name} does not run after a minute; it says: ${said}`);
}

setUp().catch((error: unknown) => {
  const what = error instanceof ConfigurationError ? error.message : `Change data capture is not set up. ${(error as Error).message}`;
  process.stderr.write(`${what}\n`);
  process.exitCode = 1;
});
