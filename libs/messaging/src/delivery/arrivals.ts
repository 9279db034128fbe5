import { ROOT_CONTEXT, SpanKind, type SpanContext } from '@opentelemetry/api';
import type { KafkaHeaders } from '@past-tense/envelope';
import { tracer } from '@past-tense/telemetry';
import type { Batch, RawMessage } from '../kafka/source';
import { replayTopic, returnTopics } from '../queues';
import { SOURCE, type Place } from '../retry/ordered-retry';
import { withoutAdded, withoutReplay } from './added-headers';
import type { Message, Origin } from './message';

/** Takes what Kafka hands over for messages as they were on their source topics, wherever they were read now. */
export class Arrivals {
  readonly #returns: ReadonlyMap<string, Place>;
  readonly #replay: string;

  constructor(consumer: string) {
    this.#returns = returnTopics(consumer);
    this.#replay = replayTopic(consumer);
  }

  /** The topics a consumer reads besides those of the events. */
  get ownTopics(): string[] {
    return [...this.#returns.keys(), this.#replay];
  }

  /** The messages of a batch. Several that came together link to one span for the fetch that brought them. */
  messagesIn({ topic, partition, messages }: Batch): Message[] {
    const receive = messages.length > 1 ? receiveSpan(topic, partition, messages.length) : undefined;
    return messages.map((raw) => this.#read(topic, partition, raw, receive));
  }

  #read(topic: string, partition: number, raw: RawMessage, receive: SpanContext | undefined): Message {
    const arrived = { topic, partition, offset: raw.offset };
    const place = this.#returns.get(topic);
    const returned = place === undefined ? undefined : withoutAdded(raw.headers);
    if (place !== undefined && returned) {
      const { key, value } = raw;
      return { arrived, key, value, ...returned, from: returned.from ?? place, linked: returned.linked ?? receive };
    }
    const first = new FirstArrival(arrived, raw, receive);
    return (topic === this.#replay && fedAgain(first)) || first;
  }
}

/** A message on the topic of its events. It does not look at its headers while it waits: that would keep them all in memory. */
class FirstArrival implements Message {
  readonly from = SOURCE;
  readonly copy = 0;
  readonly attempts = 0;
  readonly dueMs = 0;

  constructor(
    readonly arrived: Origin,
    private readonly raw: RawMessage,
    readonly linked: SpanContext | undefined,
  ) {}

  get origin(): Origin {
    return this.arrived;
  }
  get key(): Buffer | null {
    return this.raw.key;
  }
  get value(): Buffer | null {
    return this.raw.value;
  }
  get headers(): KafkaHeaders {
    return this.raw.headers;
  }
}

function fedAgain({ arrived, from, copy, key, value, headers, attempts, dueMs, linked }: FirstArrival): Message | undefined {
  const fed = withoutReplay(headers);
  return fed && { arrived, from, copy, key, value, attempts, dueMs, linked, ...fed };
}

/** When a message was published, as its envelope says; undefined, if it does not say, or if nobody has waited for it since. */
export function publishedMs({ headers, replayed }: Message): number | undefined {
  const publishedAt = replayed ? undefined : headers['ce_publishedat'];
  return (publishedAt === undefined ? Number.NaN : Date.parse(String(publishedAt))) || undefined;
}

/** Messages of one lane are handled one after the other. */
export function laneOf({ from, replayed, key, arrived }: Message): string {
  // What comes back has a lane of its own: a new event may wait for room that only an event coming back can make. What is fed again has one, too:
  // nothing new waits behind it.
  const kind = from !== SOURCE ? 'back' : replayed ? 'replay' : 'new';
  return `${kind}/${key?.toString('latin1') ?? `${arrived.topic}/${arrived.partition}`}`;
}

function receiveSpan(topic: string, partition: number, count: number): SpanContext {
  const attributes = {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'poll',
    'messaging.operation.type': 'receive',
    'messaging.destination.name': topic,
    'messaging.destination.partition.id': String(partition),
    'messaging.batch.message_count': count,
  };
  const span = tracer.startSpan(`poll ${topic}`, { kind: SpanKind.CLIENT, attributes }, ROOT_CONTEXT);
  span.end();
  return span.spanContext();
}
