import { randomBytes } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';

/** A name no other test uses. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomBytes(5).toString('hex')}`;
}

/** The Kafka that all suites share. Use topics and groups with unique names on it. */
export function kafkaBrokers(): string[] {
  return [shared('PAST_TENSE_TEST_KAFKA')];
}

/** Makes an empty database on the PostgreSQL that all suites share and returns its address. */
export async function testDatabase(): Promise<string> {
  const name = uniqueName('test').replace('-', '_');
  const server = new URL(shared('PAST_TENSE_TEST_POSTGRES'));
  const client = new Client({ connectionString: server.href });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
  server.pathname = `/${name}`;
  return server.href;
}

function shared(variable: string): string {
  const value = process.env[variable];
  if (!value) throw new Error(`${variable} is not set; run tests with npm test, whose setup starts the real parts.`);
  return value;
}
