import type { SpanContext } from '@opentelemetry/api';
import type { KafkaHeaders } from '@past-tense/envelope';

/** A message as it came from Kafka. */
export interface Message {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: KafkaHeaders;
  /** The span of the fetch that brought it together with others. */
  readonly batch?: SpanContext | undefined;
}
