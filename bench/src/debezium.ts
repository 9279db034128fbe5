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

const HEADERS: Readonly<Record<string, string>> = {
  spec_version: 'ce_specversion',
  id: 'ce_id',
  event_type: 'ce_type',
  occurred_at: 'ce_time',
  aggregate_id: 'ce_subject',
  aggregate_version: 'ce_sequence',
  correlation_id: 'ce_correlationid',
  causation_id: 'ce_causationid',
  schema_version: 'ce_schemaversion',
  schema_owner: 'ce_schemaowner',
  producer: 'ce_producer',
  data_schema: 'ce_dataschema',
  traceparent: 'traceparent',
};

/** The outbox event router over our own table, with the topics, keys, values and headers of our relay; as infra/cdc sets it up. */
export function connectorConfig({ url, slot, publication }: DebeziumSource): Record<string, string> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const fixed = { 'content-type': 'application/protobuf', ce_source: 'urn:past-tense:service:orders' };
  const inserts = Object.entries(fixed).map(([header, value], i) => ({ name: `fixed${i}`, header, value }));
  const columns = [...Object.entries(HEADERS), ['occurred_at', 'ce_publishedat']];
  return {
    name: slot,
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'tasks.max': '1',
    'database.hostname': hostname,
    'database.port': port,
    'database.user': username,
    'database.password': decodeURIComponent(password),
    'database.dbname': pathname.slice(1),
    'topic.prefix': slot,
    'plugin.name': 'pgoutput',
    'slot.name': slot,
    'slot.drop.on.stop': 'true',
    'publication.name': publication,
    'publication.autocreate.mode': 'disabled',
    'table.include.list': 'public.outbox',
    'snapshot.mode': 'no_data',
    'tombstones.on.delete': 'false',
    'poll.interval.ms': '20',
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'io.debezium.converters.BinaryDataConverter',
    'header.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'errors.tolerance': 'none',
    transforms: ['outbox', ...inserts.map(({ name }) => name)].join(','),
    'transforms.outbox.type': 'io.debezium.transforms.outbox.EventRouter',
    'transforms.outbox.route.by.field': 'topic',
    'transforms.outbox.route.topic.replacement': '${routedByValue}',
    'transforms.outbox.table.field.event.id': 'id',
    'transforms.outbox.table.field.event.key': 'aggregate_id',
    'transforms.outbox.table.field.event.payload': 'payload',
    'transforms.outbox.table.fields.additional.placement': columns.map(([column, header]) => `${column}:header:${header}`).join(','),
    ...Object.fromEntries(
      inserts.flatMap(({ name, header, value }) => [
        [`transforms.${name}.type`, 'org.apache.kafka.connect.transforms.InsertHeader'],
        [`transforms.${name}.header`, header],
        [`transforms.${name}.value.literal`, value],
      ]),
    ),
  };
}

/** A file of Java properties. */
export function properties(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('');
}
