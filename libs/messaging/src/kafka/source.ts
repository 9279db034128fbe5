import type { KafkaHeaders } from '@past-tense/envelope';
import type { KafkaOptions } from './client';

/** Messages of one partition, in order. */
export interface Batch {
  readonly topic: string;
  readonly partition: number;
  /** Offset after the last message on the partition. */
  readonly highWatermark: string;
  readonly messages: readonly { offset: string; key: Buffer | null; value: Buffer | null; headers: KafkaHeaders }[];
}

export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

export interface SourceOptions extends KafkaOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** Milliseconds without a heartbeat after which the group takes this member for dead. */
  readonly sessionTimeoutMs: number;
  /** Takes a batch in at once; must neither block nor throw. */
  readonly onBatch: (batch: Batch) => void;
  /** The partitions are about to be shared out anew. What is committed in this call still counts. */
  readonly onRevoked: () => void;
  /** The partitions were shared out; each starts again at its committed offset. */
  readonly onAssigned: () => void;
  /** Kafka has deleted events before they were consumed. */
  readonly onLost: (topic: string, events: number) => void;
  /** The client has given up. */
  readonly onFatal: (error: Error) => void;
}

/**
 * The consuming side of Kafka for one member of a group. Batches are handed over without waiting for the work; heartbeats do not wait for it
 * either. A partition without a committed offset starts at its oldest event.
 */
export interface KafkaSource {
  /** Whether the group counts this process as a member. */
  readonly joined: boolean;
  /**
   * Joins the group. Returns once partitions are assigned.
   * @throws Error if Kafka is not there, or this member may not take part
   */
  start(): Promise<void>;
  /** Fetches nothing more from a partition, until it is resumed or assigned anew. */
  pause(topic: string, partition: number): void;
  resume(topic: string, partition: number): void;
  /** Fetches nothing more. */
  pauseAll(): void;
  /** Whether the group has given a partition to this member. */
  owns(topic: string, partition: number): boolean;
  /** Goes on at an offset with a partition that this member has. What was fetched before and is still on its way is dropped. */
  seek(topic: string, partition: number, offset: bigint): void;
  /** @throws what Kafka says, among it that the group has shared out the partitions anew; nothing is tried again */
  commit(positions: readonly Position[]): Promise<void>;
  /** Leaves the group. Bounded in time, also if Kafka does not answer. */
  stop(): Promise<void>;
}
