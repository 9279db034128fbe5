/** Publication that Debezium reads, one in each database. */
export const PUBLICATION = 'past_tense_outbox';
/** Role that may read the write-ahead log, and of the tables only the outboxes. */
export const READER = 'cdc';

/** Header of an event by the column of the outbox it is in. docs/envelope.md is the reference. */
const HEADERS: readonly (readonly [column: string, header: string])[] = [
  ['spec_version', 'ce_specversion'],
  ['id', 'ce_id'],
  ['event_type', 'ce_type'],
  ['occurred_at', 'ce_time'],
  // Debezium publishes what was committed as soon as it reads it; the moment of its recording stands for that of its publishing.
  ['occurred_at', 'ce_publishedat'],
  ['aggregate_id', 'ce_subject'],
  ['aggregate_version', 'ce_sequence'],
  ['correlation_id', 'ce_correlationid'],
  ['causation_id', 'ce_causationid'],
  ['schema_version', 'ce_schemaversion'],
  ['schema_owner', 'ce_schemaowner'],
  ['producer', 'ce_producer'],
  ['data_schema', 'ce_dataschema'],
  ['traceparent', 'traceparent'],
  ['tracestate', 'tracestate'],
  ['also_as', 'ce_alsoas'],
];

/**
 * How Debezium's outbox event router publishes the outbox of a service: the same topics, keys, values and headers as our relay.
 * https://debezium.io/documentation/reference/stable/transformations/outbox-event-router.html
 */
export function connectorOf(service: string, databaseHost: string, secretsFolder: string): Record<string, string> {
  const fixed = { 'content-type': 'application/protobuf', ce_source: `urn:past-tense:service:${service}` };
  const inserts = Object.entries(fixed).map(([header, value], i) => ({ name: `fixed${i}`, header, value }));
  return {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'tasks.max': '1',
    'database.hostname': databaseHost,
    'database.port': '5432',
    'database.user': READER,
    // Read by Connect from a file: the password is not in what its API shows.
    'database.password': `\${directory:${secretsFolder}/${READER}:password}`,
    'database.dbname': service,
    'topic.prefix': service,
    'plugin.name': 'pgoutput',
    'slot.name': `${service}_outbox`,
    'publication.name': PUBLICATION,
    'publication.autocreate.mode': 'disabled',
    'table.include.list': 'public.outbox',
    // What was recorded before Debezium came and not published is published as well.
    'snapshot.mode': 'initial',
    'snapshot.select.statement.overrides': 'public.outbox',
    // In the order of each aggregate; without what our relay has published already.
    'snapshot.select.statement.overrides.public.outbox': 'SELECT * FROM public.outbox WHERE published_at IS NULL ORDER BY position',
    'tombstones.on.delete': 'false',
    'poll.interval.ms': '20',
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'io.debezium.converters.BinaryDataConverter',
    'header.converter': 'org.apache.kafka.connect.storage.StringConverter',
    // What a record cannot be published for must be seen, not skipped.
    'errors.tolerance': 'none',
    transforms: ['outbox', ...inserts.map(({ name }) => name)].join(','),
    'transforms.outbox.type': 'io.debezium.transforms.outbox.EventRouter',
    'transforms.outbox.route.by.field': 'topic',
    'transforms.outbox.route.topic.replacement': '${routedByValue}',
    'transforms.outbox.table.field.event.id': 'id',
    'transforms.outbox.table.field.event.key': 'aggregate_id',
    'transforms.outbox.table.field.event.payload': 'payload',
    'transforms.outbox.table.fields.additional.placement': HEADERS.map(([column, header]) => `${column}:header:${header}`).join(','),
    ...Object.fromEntries(
      inserts.flatMap(({ name, header, value }) => [
        [`transforms.${name}.type`, 'org.apache.kafka.connect.transforms.InsertHeader'],
        [`transforms.${name}.header`, header],
        [`transforms.${name}.value.literal`, value],
      ]),
    ),
  };
}
