import { ROOT_CONTEXT, SpanKind, type SpanContext } from '@opentelemetry/api';
import { tracer } from '@past-tense/telemetry';
import type { Batch } from '../kafka/source';
import { replayTopic, returnTopics } from '../queues';
import { SOURCE, type Place } from '../retry/ordered-retry';
import { withoutAdded, withoutReplay } from './added-headers';
import type { Message } from './message';

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

  #read(
    topic: string,
    partition: number,
    { offset, key, value, headers }: Batch['messages'][number],
    receive: SpanContext | undefined,
  ): Message {
    const arrived = { topic, partition, offset };
    const place = this.#returns.get(topic);
    const returned = place === undefined ? undefined : withoutAdded(headers);
    if (place !== undefined && returned)
      return { arrived, key, value, ...returned, from: returned.from ?? place, linked: returned.linked ?? receive };
    const fed = topic === this.#replay ? withoutReplay(headers) : undefined;
    return { arrived, origin: arrived, from: SOURCE, copy: 0, key, value, headers, attempts: 0, dueMs: 0, linked: receive, ...fed };
  }
}

/** When a message was published, as its envelope says; now, if it does not say, or if nobody has waited for it since. */
export function publishedMs({ headers, replayed }: Message): number {
  const publishedAt = replayed ? undefined : headers['ce_publishedat'];
  return (publishedAt === undefined ? Number.NaN : Date.parse(String(publishedAt))) || Date.now();
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
