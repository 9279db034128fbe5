import { newId } from '@past-tense/envelope';
import type { KafkaOptions } from '../kafka/client';
import { offsetsAt, offsetsOf, type PartitionOffsets } from '../kafka/offsets';
import { OrderedReader, type OffsetRange } from '../kafka/ordered-reader';
import type { StoredMessage } from '../kafka/read-topic';
import { READING_GROUPS } from '../queues';
import type { ReadSoFar, ReplaySource, TopicsDescription } from './source';

/** What the partitions of topics hold of a span of time. */
export interface FoundSpan {
  readonly span: TopicSpan;
  /** Publication of the oldest and newest message that the topics still hold; undefined if they hold none. Milliseconds since 1970. */
  readonly held: { readonly firstMs: number; readonly lastMs: number } | undefined;
  /** Topics that begin within the span because Kafka has deleted what was published before. */
  readonly cutOff: readonly string[];
}

/** A span of time of some topics: what was published from one moment on and before another one, by the timestamps on Kafka. */
export class TopicSpan implements ReplaySource {
  constructor(
    private readonly kafka: KafkaOptions,
    readonly description: TopicsDescription,
  ) {}

  /**
   * Looks for a span of time on topics. Timestamps are the producers' and need not ascend, so each partition is looked through from the first message of
   * the span to its present end.
   * @param fromMs first moment, milliseconds since 1970
   * @param toMs the moment after the last one
   * @param each told the messages of the span, in order
   */
  static async find(
    kafka: KafkaOptions,
    { topics, fromMs, toMs }: { topics: readonly string[]; fromMs: number; toMs: number },
    each: (messages: readonly StoredMessage[]) => Promise<void>,
  ): Promise<FoundSpan> {
    const offsets = await offsetsOf(kafka, topics);
    const cutOff = new Set<string>();
    const ranges: OffsetRange[] = [];
    for (const topic of topics) {
      const begins = await offsetsAt(kafka, topic, fromMs);
      for (const { partition, low, high } of offsets.filter((of) => of.topic === topic)) {
        const begin = begins.get(partition) ?? low;
        const from = begin < low ? low : begin;
        if (from === low && low > 0n && high > low) cutOff.add(topic);
        ranges.push({ topic, partition, from, to: high });
      }
    }
    const reader = await openReader(kafka, topics);
    try {
      const held = await heldBy(reader, offsets);
      const found = new Map<string, { from: string; to: string }>();
      for await (const messages of reader.read(ranges, within(fromMs, toMs))) {
        for (const { topic, partition, offset } of messages) {
          const name = `${topic}/${partition}`;
          found.set(name, { from: found.get(name)?.from ?? offset, to: String(BigInt(offset) + 1n) });
        }
        await each(messages);
      }
      const partitions = ranges.flatMap(({ topic, partition }) => {
        const part = found.get(`${topic}/${partition}`);
        return part ? [{ topic, partition, ...part }] : [];
      });
      const times = { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
      return { span: new TopicSpan(kafka, { kind: 'topics', topics: [...topics], ...times, partitions }), held, cutOff: [...cutOff] };
    } finally {
      await reader.close();
    }
  }

  async *read({ positions }: ReadSoFar): AsyncGenerator<readonly StoredMessage[]> {
    const { topics, from, to, partitions } = this.description;
    const ranges = partitions.map(({ topic, partition, from: first, to: end }) => ({
      topic,
      partition,
      from: BigInt(positions[`${topic}/${partition}`] ?? first),
      to: BigInt(end),
    }));
    const reader = await openReader(this.kafka, topics);
    try {
      yield* reader.read(ranges, within(Date.parse(from), Date.parse(to)));
    } finally {
      await reader.close();
    }
  }
}

async function openReader(kafka: KafkaOptions, topics: readonly string[]): Promise<OrderedReader> {
  return await OrderedReader.open(kafka, `${READING_GROUPS}${newId()}`, topics);
}

/** The publication of the first and the last message on each partition, and of those the earliest and the latest. */
async function heldBy(reader: OrderedReader, offsets: readonly PartitionOffsets[]): Promise<FoundSpan['held']> {
  const full = offsets.filter(({ low, high }) => low < high);
  let held: FoundSpan['held'];
  for (const ends of [
    full.map(({ topic, partition, low }) => ({ topic, partition, from: low, to: low + 1n })),
    full.map(({ topic, partition, high }) => ({ topic, partition, from: high - 1n, to: high })),
  ])
    for await (const messages of reader.read(ends))
      for (const { timestampMs: time } of messages)
        held = { firstMs: Math.min(held?.firstMs ?? time, time), lastMs: Math.max(held?.lastMs ?? time, time) };
  return held;
}

function within(fromMs: number, toMs: number): (message: StoredMessage) => boolean {
  return ({ timestampMs }) => timestampMs >= fromMs && timestampMs < toMs;
}
