import type { KafkaRecord } from '@past-tense/outbox';
import type { Message } from './message';

export interface DeadLetterReason {
  readonly reason: 'INVALID' | 'FAILED';
  readonly error: unknown;
  /** How often its reaction was tried. */
  readonly attempts: number;
  readonly firstFailedAt: Date;
}

const MAX_MESSAGE = 2_000;
const MAX_STACK = 8_000;
// What looks like a secret in an error's text does not go into a topic that is kept for months.
const SECRETS =
  /(\b(?:password|passwd|secret|token|authorization|api[-_]?key)\b["']?\s*[:=]\s*)("[^"]*"|'[^']*'|(?:Bearer\s+)?[^\s,;}&]+)|(\/\/[^\s/:@]+:)[^\s@]+(?=@)/gi;

/** The dead-letter topic of a consumer. */
export function deadLetterTopic(consumer: string): string {
  return `${consumer}.dlq`;
}

/** A message as it goes to the dead-letter topic: key, value and headers as they came, and headers that say why it is there. */
export function deadLetterOf(
  message: Message,
  consumer: string,
  { reason, error, attempts, firstFailedAt }: DeadLetterReason,
): { id: string; record: KafkaRecord } {
  const { topic, partition, offset, key, value, headers } = message;
  const failure = error instanceof Error ? error : new Error(String(error));
  const added = {
    pt_consumer: consumer,
    pt_source_topic: topic,
    pt_source_partition: String(partition),
    pt_source_offset: offset,
    pt_reason: reason,
    pt_attempts: String(attempts),
    pt_first_failed_at: firstFailedAt.toISOString(),
    pt_last_failed_at: new Date().toISOString(),
    pt_error_class: failure.name,
    pt_error_message: withoutSecrets(failure.message).slice(0, MAX_MESSAGE),
    pt_error_stack: withoutSecrets(failure.stack ?? '').slice(0, MAX_STACK),
  };
  const record = { topic: deadLetterTopic(consumer), key, value, headers: { ...(headers as KafkaRecord['headers']), ...added } };
  return { id: `${consumer}/${topic}/${partition}/${offset}/dlq`, record };
}

/** A text without what looks like a password, a token or a key in it. */
export function withoutSecrets(text: string): string {
  return text.replace(SECRETS, (_, label: string | undefined, __, login: string | undefined) => `${label ?? login ?? ''}[redacted]`);
}
