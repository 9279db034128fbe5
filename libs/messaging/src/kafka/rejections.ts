import { RecordRejectedError } from '@past-tense/outbox';

/** What Kafka answers to a record that it would refuse again: https://kafka.apache.org/protocol#protocol_error_codes */
export const REJECTIONS: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_AUTHORIZATION_FAILED',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
]);

/** The error for records of which Kafka refuses one for good. */
export function rejected(records: readonly { readonly topic: string }[], cause: Error): RecordRejectedError {
  const topics = [...new Set(records.map(({ topic }) => topic))].join(', ');
  return new RecordRejectedError(`Kafka refuses a record for ${topics}: ${cause.message}`, { cause });
}
