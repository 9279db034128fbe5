import type { ClusterMetadata, fetchV17, RecordsBatch } from '@platformatic/kafka';
import type { KafkaHeaders } from '@past-tense/envelope';
import type { Batch } from '../source';

/** What Kafka has answered for one partition. */
export type Fetched = fetchV17.FetchResponse['responses'][number]['partitions'][number];

/** The partitions to what was answered for them. */
export function matching<Partition extends { readonly topic: string; readonly partition: number }>(
  partitions: readonly Partition[],
  responses: fetchV17.FetchResponse['responses'],
  { topics }: ClusterMetadata,
): (readonly [Partition, Fetched])[] {
  const byId = new Map(partitions.map((one) => [`${topics.get(one.topic)!.id}/${one.partition}`, one]));
  return responses.flatMap(({ topicId, partitions: fetched }) =>
    fetched.flatMap((one) => {
      const of = byId.get(`${topicId}/${one.partitionIndex}`);
      return of ? [[of, one] as const] : [];
    }),
  );
}

/** Kafka sends whole batches, also of what came before. */
export function messagesIn({ firstOffset, records }: RecordsBatch, from: bigint): Batch['messages'] {
  const messages = records.map(({ offsetDelta, key, value, headers }) => ({
    offset: firstOffset + BigInt(offsetDelta),
    key,
    value,
    headers,
  }));
  const wanted = messages[0] && messages[0].offset >= from ? messages : messages.filter(({ offset }) => offset >= from);
  return wanted.map(({ offset, key, value, headers }) => ({ offset: String(offset), key, value, headers: headersOf(headers) }));
}

/** A name that occurs several times has several values, in their order. */
function headersOf(pairs: readonly (readonly [Buffer | null, Buffer | null])[]): KafkaHeaders {
  const headers = new Map<string, Buffer | Buffer[]>();
  for (const [name, value] of pairs) {
    const before = headers.get(String(name));
    headers.set(String(name), before === undefined ? value! : [before, value!].flat());
  }
  return Object.fromEntries(headers);
}
