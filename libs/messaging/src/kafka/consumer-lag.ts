import { kafkaClient, type KafkaOptions } from './client';

/** How far a consumer is behind on one partition. */
export interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  /** Events on the partition that the group has not committed as done. */
  readonly lag: number;
}

/** How far a consumer group is behind on topics, as Kafka knows it. A partition without a commit counts from its first event. */
export async function consumerLag(options: KafkaOptions, group: string, topics: readonly string[]): Promise<PartitionLag[]> {
  const admin = kafkaClient(options).admin();
  await admin.connect();
  try {
    const committed = await admin.fetchOffsets({ groupId: group, topics: [...topics] });
    const lags: PartitionLag[] = [];
    for (const { topic, partitions } of committed) {
      const done = new Map(partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        const position = done.get(partition) ?? -1n;
        lags.push({ topic, partition, lag: Number(BigInt(high) - (position < 0n ? BigInt(low) : position)) });
      }
    }
    return lags;
  } finally {
    await admin.disconnect();
  }
}
