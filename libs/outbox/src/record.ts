/** A message as Kafka takes it. */
export interface KafkaRecord {
  readonly topic: string;
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | string | (Buffer | string)[]>>;
  /** When it was published, if that was not now: milliseconds since 1970. For events that are copied from elsewhere. */
  readonly timestampMs?: number;
}

/** Where Kafka has put a record. */
export interface Position {
  readonly partition: number;
  readonly offset: bigint;
}

/**
 * Hands records to Kafka, in order per key, and returns when all of them are acknowledged by all in-sync replicas.
 * @returns where each of them is, in the order in which they were given
 * @throws RecordRejectedError if Kafka refuses a record for good; any other error means that it may be tried again
 */
export type Publish = (records: readonly KafkaRecord[]) => Promise<readonly Position[]>;

/** Kafka refuses a record, and would refuse it again: too large, no such topic, not allowed. */
export class RecordRejectedError extends Error {
  override name = 'RecordRejectedError';
}
