import type { SpanContext } from '@opentelemetry/api';
import type { KafkaHeaders } from '@past-tense/envelope';
import type { Place } from '../retry/ordered-retry';

/** A position on Kafka. */
export interface Origin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

/** Says that a message was fed to one consumer again, by whom and for what. */
export interface Replayed {
  readonly replayId: string;
  /** The generation of the consumer that it is for; a generation has a dedup of its own. */
  readonly generation?: number | undefined;
}

/** A message as it was on its source topic, and what is known about its way since. */
export interface Message {
  /** Where it was published first. */
  readonly origin: Origin;
  /** Where it was read now; the same as its origin unless it was moved. */
  readonly arrived: Origin;
  readonly from: Place;
  /** The move that put it there. */
  readonly copy: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Headers as they came; those that were added on its way are not among them. */
  readonly headers: KafkaHeaders;
  /** Attempts before this delivery. */
  readonly attempts: number;
  /** When it may be tried again, milliseconds since 1970; 0 for at once. */
  readonly dueMs: number;
  readonly firstFailedAt?: Date | undefined;
  /** Set if it was fed to this consumer again. */
  readonly replayed?: Replayed | undefined;
  /** The span of the fetch that brought it together with others, or of the last attempt. */
  readonly linked?: SpanContext | undefined;
}

/** A name for a position, unique in the cluster. */
export function nameOf({ topic, partition, offset }: Origin): string {
  return `${topic}/${partition}/${offset}`;
}

/** Where a message came from, for logs. */
export function where({ origin, arrived }: Message): object {
  return { ...origin, ...(arrived.topic !== origin.topic && { arrivedOn: arrived.topic }) };
}
