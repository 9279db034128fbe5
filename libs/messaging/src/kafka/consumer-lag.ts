import type { Admin } from 'kafkajs';
import type { KafkaOptions } from './client';
import { withAdmin } from './kafkajs/client';

/** How far a consumer is behind on one partition. */
export interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the oldest event that Kafka still has. */
  readonly earliest: bigint;
  /** Offset of the oldest event that the group has not committed as done. */
  readonly position: bigint;
  /** Offset that the next event will have. */
  readonly end: bigint;
  /** Events between the two. */
  readonly lag: number;
}

/** How far a consumer group is behind on topics, as Kafka knows it. A partition without a commit counts from its first event. */
export async function consumerLag(options: KafkaOptions, group: string, topics: readonly string[]): Promise<PartitionLag[]> {
  return await withAdmin(options, (admin) => lagOf(admin, group, topics));
}

/** The same with a connection that is there already. */
export async function lagOf(admin: Admin, group: string, topics: readonly string[]): Promise<PartitionLag[]> {
  const committed = await admin.fetchOffsets({ groupId: group, topics: [...topics] });
  const lags: PartitionLag[] = [];
  for (const { topic, partitions } of committed) {
    const done = new Map(partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      const offset = done.get(partition) ?? -1n;
      const [first, end] = [BigInt(low), BigInt(high)];
      // What Kafka has deleted before it was done is no lag any more.
      const position = offset < first ? first : offset;
      lags.push({ topic, partition, earliest: first, position, end, lag: Number(end - position) });
    }
  }
  return lags;
}
