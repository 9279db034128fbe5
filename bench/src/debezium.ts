import { connectorOf } from '@past-tense/cdc';
import { Complaint, ROOT } from '@past-tense/local';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const POM = join(__dirname, '..', 'debezium', 'pom.xml');

/**
 * Kafka Connect and Debezium, fetched by Maven when they are not there yet or the pom.xml has changed.
 * @returns the folder of their jars
 * @throws Complaint if Maven is missing or fails
 */
export async function ensureDebezium(): Promise<string> {
  const wanted = createHash('sha256').update(readFileSync(POM)).digest('hex');
  const folder = join(ROOT, '.past-tense', 'jars-debezium');
  const stamp = join(folder, 'pom.sha256');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return folder;
  process.stderr.write('Maven fetches Kafka Connect and Debezium …\n');
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  try {
    await run('mvn', ['-q', '-B', '-f', POM, 'generate-resources', `-Djars=${fresh}`], { maxBuffer: 16e6 });
    writeFileSync(join(fresh, 'pom.sha256'), wanted);
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
    return folder;
  } catch (error) {
    throw new Complaint(
      `Maven could not fetch Debezium, which the relay is measured beside; check that Maven 3.8 or later is there and the network works (it says: ${(error as Error).message.split('\n')[0]}).`,
    );
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Where Debezium reads and what it may call its own. */
export interface DebeziumSource {
  /** Address of the database, with its user and password. */
  readonly url: string;
  readonly slot: string;
  readonly publication: string;
}

/** The connector of infra/cdc, reading one database from now on and asking nobody for its secrets. */
export function connectorConfig({ url, slot, publication }: DebeziumSource): Record<string, string> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const ofOrders = Object.entries(connectorOf('orders', hostname, '')).filter(([name]) => !name.startsWith('snapshot.'));
  return {
    ...Object.fromEntries(ofOrders),
    name: slot,
    'database.port': port,
    'database.user': username,
    'database.password': decodeURIComponent(password),
    'database.dbname': pathname.slice(1),
    'topic.prefix': slot,
    'slot.name': slot,
    'slot.drop.on.stop': 'true',
    'publication.name': publication,
    'snapshot.mode': 'no_data',
  };
}

/** A file of Java properties. */
export function properties(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('');
}
