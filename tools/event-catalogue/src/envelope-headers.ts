import { toHeaders } from '@past-tense/envelope';
import type { JsonSchema } from './payload-schema';

const UUID = '^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$';
const UUID_V7 = UUID.replace('[1-8]', '7');
const EVENT_TYPE = '[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)*\\.v[1-9][0-9]*\\.[A-Z][A-Za-z0-9]*';

const text = (description: string, form: Record<string, unknown>): JsonSchema => ({ type: 'string', ...form, description });

/** Schema of the headers of every event. docs/envelope.md is the reference. */
export const ENVELOPE_SCHEMA: JsonSchema = {
  type: 'object',
  title: 'Envelope',
  description: 'CloudEvents 1.0 in Kafka binary mode: the attributes are headers. A message that lacks a required one is dead-lettered.',
  required: Object.keys(exampleHeaders({ eventType: '', owner: '', producer: '', aggregateId: '', subject: '', alsoAs: [] })),
  properties: {
    ce_specversion: text('CloudEvents version.', { const: '1.0' }),
    ce_id: text("The event's id, a UUIDv7; duplicates are recognised by it.", { pattern: UUID_V7 }),
    ce_type: text('Package, version and name of the event.', {
      pattern: `^${EVENT_TYPE}$`,
    }),
    ce_source: text('Who recorded it.', { pattern: '^urn:past-tense:service:[a-z][a-z0-9-]*$' }),
    ce_time: text('When it happened, UTC.', { format: 'date-time', pattern: 'Z$' }),
    ce_subject: text('Id of the aggregate it is about; equal to the Kafka key.', { pattern: '^\\S{1,200}$' }),
    ce_sequence: text('Version of the aggregate: 1 for its first fact, then one more for each.', { pattern: '^[1-9][0-9]{0,15}$' }),
    ce_correlationid: text('One id for everything that follows from one request.', { pattern: UUID }),
    ce_causationid: text('The event, command or request that caused this one.', { pattern: UUID }),
    ce_publishedat: text('When the relay handed it to Kafka, UTC.', { format: 'date-time', pattern: 'Z$' }),
    ce_schemaversion: text('Version of the schema in the registry.', { pattern: '^[1-9][0-9]{0,15}$' }),
    ce_schemaowner: text('Team to ask about the schema.', { pattern: '^\\S{1,200}$' }),
    ce_producer: text('Service and its version.', { pattern: '^[a-z][a-z0-9-]*/[^\\s/]+$' }),
    ce_dataschema: text('The schema.', { format: 'uri' }),
    'content-type': text('How the value is encoded.', { const: 'application/protobuf' }),
    traceparent: text('W3C trace context of the moment the fact was recorded.', { pattern: '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' }),
    tracestate: text('W3C trace state, if there is one.', {}),
    ce_alsoas: text('Types of the other versions in which the same fact was published, with the same event id, if there are any.', {
      pattern: `^${EVENT_TYPE}(,${EVENT_TYPE}){0,9}$`,
    }),
  },
};

/** What the headers of an example say of it. */
export interface ExampleOf {
  readonly eventType: string;
  /** Name of the owning team. */
  readonly owner: string;
  /** Name of the service that publishes. */
  readonly producer: string;
  readonly aggregateId: string;
  /** Its subject in the schema registry. */
  readonly subject: string;
  /** Types of the other versions of the event. */
  readonly alsoAs: readonly string[];
}

/** Headers of an event as they would be; the ids and times are made up and always the same. */
export function exampleHeaders({ eventType, owner, producer, aggregateId, subject, alsoAs }: ExampleOf): Record<string, string> {
  return toHeaders({
    eventId: '019aa3c1-5d00-7c3e-9a51-2f6e8b1d4c07',
    eventType,
    schemaVersion: 1,
    schemaOwner: owner,
    dataSchema: `urn:past-tense:schema:${subject}:1`,
    aggregateId,
    aggregateVersion: 1,
    correlationId: '019aa3c1-5c10-7a44-8d02-6b9f0e3c5a18',
    causationId: '019aa3c1-5c10-7a44-8d02-6b9f0e3c5a18',
    occurredAt: '2026-11-20T08:00:00.000Z',
    publishedAt: '2026-11-20T08:00:00.012Z',
    producer: { name: producer, version: '1.0.0' },
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    alsoAs,
  });
}
