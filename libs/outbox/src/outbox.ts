import { context, SpanKind } from '@opentelemetry/api';
import { encode, personalFieldsOf, routeOf, subjectOf, validateOwn, type Fact } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { newId, type Envelope } from '@past-tense/envelope';
import type { PersonalData } from '@past-tense/privacy';
import { currentFlow, currentTrace, inSpan, SEARCHABLE, traceOf } from '@past-tense/telemetry';
import type { KafkaRecord } from './record';

/** The registry's id and version of a schema. */
export interface RegisteredSchema {
  readonly id: number;
  readonly version: number;
}

export interface OutboxOptions {
  /** Service that records the facts. */
  readonly producer: { readonly name: string; readonly version: string };
  /** Schemas of the events the service publishes, by event type. */
  readonly schemas: ReadonlyMap<string, RegisteredSchema>;
  /** Types of events that are not published although the service states them: versions that are not due yet, or not any more. */
  readonly withheld?: ReadonlySet<string>;
  /** Seals what events say about people; without it no event that does can be recorded. */
  readonly personal?: PersonalData | undefined;
  /** Called after each commit that left something to publish, with what that was; wakes the relay. */
  readonly committed: (what: 'facts' | 'forwards') => void;
}

// Kafka takes a megabyte by default; headers and framing need their share.
const MAX_PAYLOAD_BYTES = 900_000;

const insertFact = {
  name: 'outbox-append',
  text: `INSERT INTO outbox (id, topic, event_type, aggregate_id, aggregate_version, schema_version, schema_owner, data_schema,
                             correlation_id, causation_id, occurred_at, producer, traceparent, tracestate, also_as, payload)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
};
const insertForward = {
  name: 'outbox-forward',
  text: `INSERT INTO outbox_forwards (id, topic, key, value, headers, traceparent) VALUES ($1, $2, $3, $4, $5, $6)`,
};

/** Records facts and forwarded messages in the transaction of the change they belong to. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #producer: string;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#producer = `${options.producer.name}/${options.producer.version}`;
  }

  /**
   * Records a fact: it is published if, and only if, the transaction commits. Correlation and causation come from the flow
   * the code runs in. A fact that was stated in several versions is published in each that is not withheld, with one event id, so that
   * to whoever consumes more than one of them it is one event.
   * @param aggregateVersion 1 for the aggregate's first fact, then one more for each
   * @param occurredAt when it happened
   * @returns the event's id
   * @throws InvalidPayloadError if the payload breaks the rules of its contract; PersonForgottenError if it says something personal about somebody who
   *   was forgotten
   */
  async append(transaction: Transaction, fact: Fact, aggregateVersion: number, occurredAt: Date): Promise<string> {
    const stated = [fact, ...(fact.newer ?? [])].filter(({ type }) => !this.#options.withheld?.has(type.typeName));
    const eventId = newId();
    for (const version of stated) {
      const alsoAs = stated.filter((other) => other !== version).map(({ type }) => type.typeName);
      await this.#insert(transaction, version, { eventId, aggregateVersion, occurredAt, alsoAs });
    }
    if (stated.length > 0) transaction.afterCommit(() => this.#options.committed('facts'));
    return eventId;
  }

  async #insert(
    transaction: Transaction,
    fact: Fact,
    {
      eventId,
      aggregateVersion,
      occurredAt,
      alsoAs,
    }: Pick<Envelope, 'eventId' | 'aggregateVersion'> & { occurredAt: Date; alsoAs: string[] },
  ): Promise<void> {
    const { topic, key } = routeOf(fact);
    const schema = this.#schemaOf(fact.type.typeName, topic.producer);
    const flow = currentFlow();
    if (!flow)
      throw new Error(`${topic.eventType} was recorded outside of a flow, so nobody could tell what caused it; wrap the work in inFlow().`);
    validateOwn(fact.type, fact.data);
    const payload = encode(fact.type, await this.#sealed(fact, eventId), schema.id);
    if (payload.length > MAX_PAYLOAD_BYTES)
      throw new Error(`${topic.eventType} has ${payload.length} bytes; an event may have ${MAX_PAYLOAD_BYTES} at most.`);

    const attributes = {
      'messaging.system': 'kafka',
      'messaging.operation.name': 'create',
      'messaging.operation.type': 'create',
      'messaging.destination.name': topic.name,
      'messaging.message.id': eventId,
      'messaging.message.conversation_id': flow.correlationId,
      'messaging.kafka.message.key': key,
      [SEARCHABLE.aggregateId]: key,
    };
    await inSpan(`create ${topic.name}`, { kind: SpanKind.PRODUCER, attributes }, context.active(), async (span) => {
      const { traceparent, tracestate } = traceOf(span);
      await transaction.defer(insertFact, [
        eventId,
        topic.name,
        topic.eventType,
        key,
        aggregateVersion,
        schema.version,
        topic.owner,
        `urn:past-tense:schema:${subjectOf(topic)}:${schema.version}`,
        flow.correlationId,
        flow.causationId,
        occurredAt.toISOString(),
        this.#producer,
        traceparent,
        tracestate ?? null,
        alsoAs.length > 0 ? alsoAs.join(',') : null,
        payload,
      ]);
    });
  }

  /**
   * Sends a message on to another topic, bytes and headers as they are, if the transaction commits. Its send is part of the trace the
   * code runs in; of the trace in its headers, where there is none.
   */
  async forward(transaction: Transaction, { topic, key, value, headers }: KafkaRecord): Promise<void> {
    const traceparent = currentTrace()?.traceparent ?? headers['traceparent']?.toString();
    await transaction.defer(insertForward, [newId(), topic, key, value, JSON.stringify(packHeaders(headers)), traceparent]);
    transaction.afterCommit(() => this.#options.committed('forwards'));
  }

  /** What says something about a person is sealed before it is written for the first time. */
  async #sealed({ type, data }: Fact, eventId: string): Promise<Fact['data']> {
    if (personalFieldsOf(type).length === 0) return data;
    const { personal, producer } = this.#options;
    if (!personal)
      throw new Error(`${type.typeName} holds personal data, and the outbox of ${producer.name} was given nothing to seal it with.`);
    return await personal.sealEvent(type, data, eventId);
  }

  #schemaOf(eventType: string, owner: string): RegisteredSchema {
    const { name } = this.#options.producer;
    if (owner !== name) throw new Error(`${name} may not publish ${eventType}: its contract names ${owner} as the producer.`);
    const schema = this.#options.schemas.get(eventType);
    if (!schema) throw new Error(`${name} does not declare that it publishes ${eventType}; add it to the service's manifest.`);
    return schema;
  }
}

/** Header values by name; Kafka allows a name more than once, and a value that is null. */
type Headers = Readonly<Record<string, Buffer | string | (Buffer | string)[] | null | undefined>>;

/** Headers as they are kept in the database. */
export type PackedHeaders = [name: string, base64: string][];

/**
 * Kafka headers are bytes and a name may be there twice; JSON holds neither, so: pairs of name and base64. A value that is null
 * becomes empty, because a pair holds text.
 */
export function packHeaders(headers: Headers): PackedHeaders {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value])
      .filter((one) => one !== undefined)
      .map((one): [string, string] => [name, Buffer.from(one ?? '').toString('base64')]),
  );
}

/** The reverse of packing. */
export function unpackHeaders(packed: PackedHeaders): Record<string, Buffer | Buffer[]> {
  const headers = new Map<string, Buffer[]>();
  for (const [name, base64] of packed) headers.set(name, [...(headers.get(name) ?? []), Buffer.from(base64, 'base64')]);
  return Object.fromEntries([...headers].map(([name, values]) => [name, values.length === 1 ? values[0]! : values]));
}
