import { EnvelopeError, type Envelope } from './envelope';

// CloudEvents 1.0, Kafka protocol binding, binary content mode: attributes are headers with the prefix `ce_`, the payload is
// the value. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md

/** Kafka headers as a client delivers them. */
export type KafkaHeaders = Readonly<Record<string, Buffer | string | (Buffer | string)[] | undefined>>;

const SPEC_VERSION = '1.0';
const CONTENT_TYPE = 'application/protobuf';
const SOURCE_PREFIX = 'urn:past-tense:service:';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const EVENT_TYPE = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\.v[1-9][0-9]*\.[A-Z][A-Za-z0-9]*$/;
const EVENT_TYPES = new RegExp(`^${EVENT_TYPE.source.slice(1, -1)}(,${EVENT_TYPE.source.slice(1, -1)}){0,9}$`);
const UTC_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/;
const POSITIVE_INTEGER = /^[1-9][0-9]{0,15}$/;
const URI = /^[A-Za-z][A-Za-z0-9+.-]*:[^\s]+$/;
const PRODUCER = /^([a-z][a-z0-9-]*)\/([^\s/]+)$/;
const SOURCE = /^urn:past-tense:service:[a-z][a-z0-9-]*$/;
// https://www.w3.org/TR/trace-context/#traceparent-header; ids of only zeros are invalid.
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const TEXT = /^[^\s\p{Cc}]{1,200}$/u;

/** The envelope as Kafka headers. */
export function toHeaders(envelope: Envelope): Record<string, string> {
  const headers: Record<string, string> = {
    ce_specversion: SPEC_VERSION,
    ce_id: envelope.eventId,
    ce_type: envelope.eventType,
    ce_source: SOURCE_PREFIX + envelope.producer.name,
    ce_time: envelope.occurredAt,
    ce_subject: envelope.aggregateId,
    ce_sequence: String(envelope.aggregateVersion),
    ce_correlationid: envelope.correlationId,
    ce_causationid: envelope.causationId,
    ce_publishedat: envelope.publishedAt,
    ce_schemaversion: String(envelope.schemaVersion),
    ce_schemaowner: envelope.schemaOwner,
    ce_producer: `${envelope.producer.name}/${envelope.producer.version}`,
    ce_dataschema: envelope.dataSchema,
    'content-type': CONTENT_TYPE,
    traceparent: envelope.traceparent,
  };
  if (envelope.tracestate) headers['tracestate'] = envelope.tracestate;
  if (envelope.alsoAs?.length) headers['ce_alsoas'] = envelope.alsoAs.join(',');
  return headers;
}

/**
 * The envelope that Kafka headers hold. Nothing is guessed.
 * @throws EnvelopeError naming the first header that is missing, doubled or malformed
 */
export function fromHeaders(headers: KafkaHeaders): Envelope {
  read(headers, 'ce_specversion', /^1\.0$/, `must be "${SPEC_VERSION}"`);
  read(headers, 'content-type', /^application\/protobuf$/, `must be "${CONTENT_TYPE}"`);
  read(headers, 'ce_source', SOURCE, `must be "${SOURCE_PREFIX}<service>"`);
  const producer = PRODUCER.exec(read(headers, 'ce_producer', PRODUCER, 'must be "<service>/<version>"'))!;
  return {
    eventId: read(headers, 'ce_id', UUID_V7, 'must be a UUIDv7'),
    eventType: read(headers, 'ce_type', EVENT_TYPE, 'must be "<package>.v<number>.<Name>"'),
    occurredAt: readTime(headers, 'ce_time'),
    aggregateId: read(headers, 'ce_subject', TEXT, "must be the aggregate's id"),
    aggregateVersion: readInteger(headers, 'ce_sequence'),
    correlationId: read(headers, 'ce_correlationid', UUID, 'must be a UUID'),
    causationId: read(headers, 'ce_causationid', UUID, 'must be a UUID'),
    publishedAt: readTime(headers, 'ce_publishedat'),
    schemaVersion: readInteger(headers, 'ce_schemaversion'),
    schemaOwner: read(headers, 'ce_schemaowner', TEXT, 'must be the name of a team'),
    dataSchema: read(headers, 'ce_dataschema', URI, 'must be a URI'),
    producer: { name: producer[1]!, version: producer[2]! },
    traceparent: read(headers, 'traceparent', TRACEPARENT, 'must be a W3C trace context of version 00'),
    tracestate: isThere(headers, 'tracestate') ? single(headers, 'tracestate') : undefined,
    ...(isThere(headers, 'ce_alsoas') && {
      alsoAs: read(headers, 'ce_alsoas', EVENT_TYPES, 'must be "<package>.v<number>.<Name>", or several with commas between').split(','),
    }),
  };
}

/** Change data capture writes a header without a value where the column has none; forwarded to a retry topic it is empty. */
const isThere = (headers: KafkaHeaders, name: string) => (headers[name]?.length ?? 0) > 0;

function read(headers: KafkaHeaders, name: string, pattern: RegExp, rule: string): string {
  const value = single(headers, name);
  if (!pattern.test(value)) throw new EnvelopeError(name, rule);
  return value;
}

function single(headers: KafkaHeaders, name: string): string {
  const value = headers[name];
  if (value === undefined || value === null) throw new EnvelopeError(name, 'is missing');
  if (Array.isArray(value)) throw new EnvelopeError(name, 'is there more than once');
  return value.toString();
}

function readTime(headers: KafkaHeaders, name: string): string {
  const value = read(headers, name, UTC_TIME, 'must be a UTC time such as 2026-11-20T08:00:00.000Z');
  if (Number.isNaN(Date.parse(value))) throw new EnvelopeError(name, 'is not a time that exists');
  return value;
}

function readInteger(headers: KafkaHeaders, name: string): number {
  const value = Number(read(headers, name, POSITIVE_INTEGER, 'must be a positive integer'));
  if (!Number.isSafeInteger(value)) throw new EnvelopeError(name, 'is too large');
  return value;
}
