import type { Consumer, EachBatchPayload } from 'kafkajs';
import type { KafkaOptions } from './client';
import { kafkaClient, rootCause, withAdmin } from './kafkajs/client';
import { Merge, type MergedPartition } from './merge';
import { offsetsOf } from './offsets';
import type { StoredMessage } from './read-topic';

/** Part of a partition. */
export interface OffsetRange {
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
  /** The offset after the last one. */
  readonly to: bigint;
}

const BATCH = 500;
/** Messages that are read ahead at most, over all partitions, and of one of them at least. */
const MAX_BUFFERED = 20_000;
const MIN_BUFFERED = 100;
const MAX_WAIT_MS = 100;
const MAX_BYTES_PER_PARTITION = 256 * 1_024;
/** After so long without a message it is looked whether what is waited for is still there. */
const LOOK_AGAIN_MS = 3_000;

/**
 * Reads parts of topics in the order in which their messages were published, without leaving a trace: no offset is committed. Of a partition, the
 * order of its offsets is kept whatever the timestamps say; partitions are merged by timestamp. What is read ahead is bounded.
 */
export class OrderedReader {
  readonly #consumer: Consumer;
  readonly #partitions = new Map<string, MergedPartition>();
  #changed: () => void = () => undefined;
  #maxBuffered = MIN_BUFFERED;
  #wanted: (message: StoredMessage) => boolean = () => true;
  #failure: Error | undefined;
  #joined = false;

  private constructor(
    private readonly options: KafkaOptions,
    private readonly group: string,
    private readonly topics: readonly string[],
  ) {
    this.#consumer = kafkaClient(options).consumer({
      groupId: group,
      maxWaitTimeInMs: MAX_WAIT_MS,
      maxBytesPerPartition: MAX_BYTES_PER_PARTITION,
      allowAutoTopicCreation: false,
      retry: { retries: 8, initialRetryTime: 200, maxRetryTime: 2_000 },
    });
  }

  /**
   * Begins to read.
   * @param group the consumer group that Kafka wants for reading; nobody else may be in it
   * @throws Error if Kafka does not let this process read
   */
  static async open(options: KafkaOptions, group: string, topics: readonly string[]): Promise<OrderedReader> {
    const reader = new OrderedReader(options, group, topics);
    try {
      await reader.#join();
      return reader;
    } catch (error) {
      await reader.close();
      throw new Error(`The topics ${topics.join(', ')} cannot be read: ${rootCause(error).message}`, { cause: error });
    }
  }

  /**
   * Reads parts of partitions, some hundred messages at a time. May be called again when it has ended.
   * @param wanted which messages count; the others are passed over as if they were not there
   * @throws Error if Kafka has not answered for long
   */
  async *read(
    ranges: readonly OffsetRange[],
    wanted: (message: StoredMessage) => boolean = () => true,
  ): AsyncGenerator<readonly StoredMessage[]> {
    this.#partitions.clear();
    this.#wanted = wanted;
    for (const { topic, partition, from, to } of ranges)
      if (from < to) this.#partitions.set(`${topic}/${partition}`, { topic, partition, next: from, to, buffer: [], paused: false });
    this.#maxBuffered = Math.max(MIN_BUFFERED, Math.floor(MAX_BUFFERED / Math.max(1, this.#partitions.size)));
    const merge = new Merge([...this.#partitions.values()]);
    this.#place();
    try {
      for (;;) {
        if (this.#failure) throw this.#failure;
        const messages = merge.take(BATCH);
        for (const part of this.#partitions.values()) if (part.paused && part.buffer.length < this.#maxBuffered / 2) this.#resume(part);
        if (messages.length > 0) yield messages;
        else if (merge.ended) return;
        else await this.#change();
      }
    } finally {
      this.#partitions.clear();
      this.#ifRunning(() => this.#consumer.pause(this.topics.map((topic) => ({ topic }))));
    }
  }

  /** Ends reading; the group goes with it. */
  async close(): Promise<void> {
    await this.#consumer.disconnect();
    // An empty group goes by itself after a while, so whoever may not delete it leaves it.
    await withAdmin(this.options, (admin) => admin.deleteGroups([this.group])).catch(() => undefined);
  }

  async #join(): Promise<void> {
    const { events } = this.#consumer;
    const joined = new Promise<void>((resolve, reject) => {
      this.#consumer.on(events.GROUP_JOIN, () => {
        this.#joined = true;
        this.#place();
        resolve();
      });
      this.#consumer.on(events.CRASH, ({ payload }) => {
        this.#joined = false;
        if (payload.restart) return;
        this.#failure = payload.error;
        this.#changed();
        reject(payload.error);
      });
    });
    joined.catch(() => undefined);
    // What holds only marks of transactions is never handed over, but its end is told here.
    this.#consumer.on(events.END_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, firstOffset, lastOffset } }) => {
      const part = this.#partitions.get(`${topic}/${partition}`);
      if (!part || batchSize > 0 || BigInt(firstOffset ?? lastOffset) > part.next || BigInt(lastOffset) < part.next) return;
      part.next = BigInt(lastOffset) + 1n;
      this.#changed();
    });
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...this.topics], fromBeginning: true });
    await this.#consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async (payload) => this.#hand(payload) });
    await joined;
  }

  /** Tells kafkajs where to read and where not. After every join, because it forgets that when it starts anew. */
  #place(): void {
    this.#ifRunning(() => {
      this.#consumer.pause(this.topics.map((topic) => ({ topic })));
      for (const { topic, partition, next } of this.#partitions.values()) this.#consumer.seek({ topic, partition, offset: String(next) });
    });
    for (const part of this.#partitions.values()) if (!this.#isFull(part)) this.#resume(part);
  }

  #hand(payload: EachBatchPayload): void {
    const { batch } = payload;
    const part = this.#partitions.get(`${batch.topic}/${batch.partition}`);
    if (!part || payload.isStale()) return;
    for (const { offset, timestamp, key, value, headers } of batch.messages) {
      const at = BigInt(offset);
      if (at < part.next || at >= part.to) continue;
      const { topic, partition } = part;
      const message = { topic, partition, offset, timestampMs: Number(timestamp), key, value, headers: headers ?? {} };
      if (this.#wanted(message)) part.buffer.push(message);
    }
    part.next = BigInt(batch.lastOffset()) + 1n;
    payload.resolveOffset(batch.lastOffset());
    if (this.#isFull(part)) {
      part.paused = true;
      this.#ifRunning(() => this.#consumer.pause([{ topic: part.topic, partitions: [part.partition] }]));
    }
    this.#changed();
  }

  #isFull({ buffer, next, to }: MergedPartition): boolean {
    return buffer.length >= this.#maxBuffered || next >= to;
  }

  #resume(part: MergedPartition): void {
    if (part.next >= part.to) return;
    part.paused = false;
    this.#ifRunning(() => this.#consumer.resume([{ topic: part.topic, partitions: [part.partition] }]));
  }

  /** kafkajs refuses to be told anything while it is not in its group; with the next join it is told everything. */
  #ifRunning(tell: () => void): void {
    if (this.#joined) tell();
  }

  /** Resolves when something was read; if that takes long, looks whether it was deleted meanwhile. */
  async #change(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const silent = await new Promise<boolean>((resolve) => {
      this.#changed = () => resolve(false);
      timer = setTimeout(() => resolve(true), LOOK_AGAIN_MS);
    });
    clearTimeout(timer);
    if (!silent || this.#failure) return;
    for (const { topic, partition, low } of await offsetsOf(this.options, this.topics)) {
      const part = this.#partitions.get(`${topic}/${partition}`);
      if (part && low > part.next) part.next = low;
    }
  }
}
