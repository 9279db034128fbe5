/** What every event carries beside its payload. docs/envelope.md is the reference. */
export interface Envelope {
  /** UUIDv7; the id duplicates are recognised by. */
  readonly eventId: string;
  /** Package, version and name of the event, for example `order.v1.OrderPlaced`. */
  readonly eventType: string;
  /** Version of the schema in the registry that the payload was written with. */
  readonly schemaVersion: number;
  /** Team to ask about the schema. */
  readonly schemaOwner: string;
  /** URI of the schema. */
  readonly dataSchema: string;
  /** Id of the aggregate the fact is about; the Kafka key. */
  readonly aggregateId: string;
  /** 1 for the aggregate's first fact, then one more for each. */
  readonly aggregateVersion: number;
  /** One id for everything that follows from one request. */
  readonly correlationId: string;
  /** Id of the event, command or request that caused this one. */
  readonly causationId: string;
  /** When it happened, UTC, ISO 8601. */
  readonly occurredAt: string;
  /** When it was handed to Kafka, UTC, ISO 8601. */
  readonly publishedAt: string;
  /** Service that recorded the fact. */
  readonly producer: { readonly name: string; readonly version: string };
  /** W3C trace context of the moment the fact was recorded. */
  readonly traceparent: string;
  readonly tracestate?: string | undefined;
  /** Types of the other versions in which the same fact was published, with the same event id. */
  readonly alsoAs?: readonly string[] | undefined;
}

/** A header that is missing or not what it must be. The message names the header and the rule, never the value. */
export class EnvelopeError extends Error {
  override name = 'EnvelopeError';
  constructor(
    /** Name of the Kafka header. */
    readonly attribute: string,
    problem: string,
  ) {
    super(`header ${attribute} ${problem}`);
  }
}
