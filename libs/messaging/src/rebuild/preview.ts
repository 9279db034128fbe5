import { newId } from '@past-tense/envelope';
import type { KafkaOptions } from '../kafka/client';
import { consumerLag } from '../kafka/consumer-lag';
import { OrderedReader } from '../kafka/ordered-reader';
import { READING_GROUPS } from '../queues';

/** What a rebuild would read. */
export interface RebuildPreview {
  /** Messages up to where the consumer has got. */
  readonly events: number;
  readonly partitions: number;
  /** Publication of the oldest, milliseconds since 1970; undefined if there are none. */
  readonly oldestMs: number | undefined;
}

/** Looks at what the topics of a consumer hold. */
export async function previewRebuild(kafka: KafkaOptions, consumer: string, topics: readonly string[]): Promise<RebuildPreview> {
  const lags = await consumerLag(kafka, consumer, topics);
  const events = lags.reduce((sum, { earliest, position }) => sum + Number(position - earliest), 0);
  const first = lags.flatMap(({ topic, partition, earliest, end }) =>
    earliest < end ? [{ topic, partition, from: earliest, to: earliest + 1n }] : [],
  );
  let oldestMs: number | undefined;
  if (first.length > 0) {
    const reader = await OrderedReader.open(kafka, `${READING_GROUPS}${newId()}`, topics);
    try {
      for await (const messages of reader.read(first))
        for (const { timestampMs } of messages) oldestMs = Math.min(oldestMs ?? timestampMs, timestampMs);
    } finally {
      await reader.close();
    }
  }
  return { events, partitions: first.length, oldestMs };
}
