import { Database, type Transaction } from '@past-tense/database';
import { OUTBOX_MIGRATIONS } from '@past-tense/outbox';
import { createLogger } from '@past-tense/telemetry';

/** Bytes of a value, as our events have on average with an address in them. */
export const VALUE_BYTES = 352;

/** A logger as a service has it: every event is one line. */
export const logger = createLogger({ service: 'bench', version: '1.0.0', level: 'info', format: 'json' });

/** The database of a service that publishes. */
export async function outboxDatabase(url: string): Promise<Database> {
  const database = new Database({ url, applicationName: 'bench', entities: [], migrations: OUTBOX_MIGRATIONS, logger });
  await database.connect();
  await database.migrate();
  return database;
}

/** What makes rows of the outbox: $1 their topics in turns, by aggregate, $2 how many, $3 of how many aggregates; those of one have ascending versions. */
const insertRows = (publishedAt: string) => `
  INSERT INTO outbox (id, topic, event_type, aggregate_id, aggregate_version, schema_version, schema_owner, data_schema,
                      correlation_id, causation_id, occurred_at, producer, traceparent, payload, published_at)
  SELECT uuidv7(), ($1::text[])[1 + (i % $3::int) % cardinality($1::text[])], 'order.v1.OrderPlaced',
         '019aa000-0000-7000-8000-' || lpad(to_hex(i % $3::int), 12, '0'), 1 + i / $3::int, 1,
         'ordering', 'urn:past-tense:schema:order-placed-value:1', gen_random_uuid(), gen_random_uuid(), now(), 'orders/1.0.0',
         '00-' || md5(i::text) || '-' || left(md5(i::text), 16) || '-01', decode(repeat(md5(random()::text), ${VALUE_BYTES / 16}), 'hex'), ${publishedAt}
  FROM generate_series(0, $2::int - 1) AS i`;
const fill = { name: 'bench-fill-outbox', text: insertRows('NULL') };
const fillPublished = { name: 'bench-fill-published', text: insertRows('now()') };
const CHUNK = 50_000;

/** Puts rows into the outbox, with one statement; those of one aggregate have ascending versions, and one topic. */
export async function fillOutbox(
  database: Pick<Transaction, 'query'>,
  topics: string | readonly string[],
  rows: number,
  aggregates: number,
): Promise<void> {
  await database.query(fill, [[topics].flat(), rows, aggregates]);
}

/** Puts rows into the outbox that look as if they had been published just now. */
export async function fillWithPublished(database: Database, rows: number, aggregates: number): Promise<void> {
  for (let left = rows; left > 0; left -= CHUNK)
    await database.query(fillPublished, [['bench-published'], Math.min(left, CHUNK), aggregates]);
  await database.query({ name: '', text: 'VACUUM (ANALYZE) outbox' });
}

const count = { name: 'bench-unpublished', text: 'SELECT count(*)::int AS rows FROM outbox WHERE published_at IS NULL' };

/** Waits until everything is marked as published. */
export async function untilPublished(database: Database): Promise<void> {
  while ((await database.query<{ rows: number }>(count))[0]!.rows > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

const published = {
  name: 'bench-published',
  text: 'SELECT count(*)::int AS rows FROM outbox WHERE topic = $1 AND published_at IS NOT NULL',
};

/** Rows for a topic that are marked as published. */
export async function countPublished(database: Database, topic: string): Promise<number> {
  return (await database.query<{ rows: number }>(published, [topic]))[0]!.rows;
}
