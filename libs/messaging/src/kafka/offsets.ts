import type { Admin } from 'kafkajs';
import type { KafkaOptions } from './client';
import { withAdmin } from './kafkajs/client';

/** What a partition holds: offsets of its oldest message, and of the one that comes next. */
export interface PartitionOffsets {
  readonly topic: string;
  readonly partition: number;
  readonly low: bigint;
  readonly high: bigint;
}

/** What the partitions of topics hold now, in order of topic and partition. */
export async function offsetsOf(options: KafkaOptions, topics: readonly string[]): Promise<PartitionOffsets[]> {
  return withAdmin(options, (admin) => offsetsSeenBy(admin, topics));
}

/** The same with a connection that is there already. */
export async function offsetsSeenBy(admin: Admin, topics: readonly string[]): Promise<PartitionOffsets[]> {
  const found: PartitionOffsets[] = [];
  for (const topic of topics) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic))
      found.push({ topic, partition, low: BigInt(low), high: BigInt(high) });
  }
  return found.sort((a, b) => topics.indexOf(a.topic) - topics.indexOf(b.topic) || a.partition - b.partition);
}

/**
 * The first offset of each partition whose message was published at a moment or later; the end of the partition if there is none. Everything before it
 * was published earlier. What follows need not be later: timestamps are the producers', and several of them may write to one partition.
 * @param timeMs milliseconds since 1970
 */
export async function offsetsAt(options: KafkaOptions, topic: string, timeMs: number): Promise<Map<number, bigint>> {
  return withAdmin(options, async (admin) => {
    const found = await admin.fetchTopicOffsetsByTimestamp(topic, timeMs);
    return new Map(found.map(({ partition, offset }) => [partition, BigInt(offset)]));
  });
}
