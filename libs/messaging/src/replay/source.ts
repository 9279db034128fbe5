import type { StoredMessage } from '../kafka/read-topic';

/** How far a source was read: messages, and for each `topic/partition` the offset after the last one. */
export interface ReadSoFar {
  readonly messages: number;
  readonly positions: Readonly<Record<string, string>>;
}

/** From where events are fed again. Reading it twice gives the same messages in the same order, so a replay can go on where it ended. */
export interface ReplaySource {
  /** What a replay's record says about it, enough to open it again. */
  readonly description: SourceDescription;
  /** Reads what is left, in the order of publication. */
  read(from: ReadSoFar): AsyncGenerator<readonly StoredMessage[]>;
}

export type SourceDescription = TopicsDescription | FileDescription;

/** A span of time of topics, and where its messages lie on their partitions. */
export interface TopicsDescription {
  readonly kind: 'topics';
  readonly topics: readonly string[];
  /** UTC, the first moment of the span. */
  readonly from: string;
  /** UTC, the first moment after it. */
  readonly to: string;
  /** Offsets as text; `to` is the one after the last message. Partitions without one are left out. */
  readonly partitions: readonly { readonly topic: string; readonly partition: number; readonly from: string; readonly to: string }[];
}

/** A file that was exported before. */
export interface FileDescription {
  readonly kind: 'file';
  readonly file: string;
  /** Of its whole content, so that nobody goes on with another one. */
  readonly sha256: string;
  /** Those that are in it and count. */
  readonly topics: readonly string[];
  /** UTC, the first moment that counts and the one after the last; all, if left out. */
  readonly from?: string;
  readonly to?: string;
}

export const NOTHING_READ: ReadSoFar = { messages: 0, positions: {} };

/** What was read when these messages were, too. */
export function readOn({ messages, positions }: ReadSoFar, more: readonly StoredMessage[]): ReadSoFar {
  const after = { ...positions };
  for (const { topic, partition, offset } of more) after[`${topic}/${partition}`] = String(BigInt(offset) + 1n);
  return { messages: messages + more.length, positions: after };
}
