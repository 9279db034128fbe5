import { Client } from 'pg';
import { databaseUrlOf } from './addresses';
import { Complaint } from './complaint';
import { SERVICES } from './services';

const USAGE = `Usage: npm run --silent query -- <service> "SELECT …"

Asks the database of one service (${SERVICES.join(', ')}) and prints each row in a line, its values apart by a blank. Nothing can be changed.
The databases are those of the stack that npm start runs; or <SERVICE>_DATABASE_URL.`;

async function main(): Promise<void> {
  const [service, sql, ...rest] = process.argv.slice(2);
  if (service === undefined || sql === undefined || rest.length > 0) throw new Complaint(USAGE);
  if (!SERVICES.some((known) => known === service))
    throw new Complaint(`There is no service "${service}"; there are ${SERVICES.join(', ')}.`);
  const client = new Client(databaseUrlOf(service, process.env));
  await client.connect();
  try {
    await client.query('BEGIN READ ONLY');
    const { rows } = await client.query<Record<string, unknown>>(sql);
    for (const row of rows) process.stdout.write(`${Object.values(row).map(text).join(' ')}\n`);
  } finally {
    await client.end();
  }
}

function text(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'string' ? value : JSON.stringify(value);
}

main().catch((error: unknown) => {
  const { message, code } = error as Error & { code?: string };
  process.stderr.write(`${message || code}\n`);
  process.exitCode = 1;
});
