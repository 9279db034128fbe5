import type { KafkaHeaders } from '@past-tense/envelope';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload, Kafka } from 'kafkajs';
import { kafkaClient, rootCause, type KafkaOptions } from './client';

/** Messages of one partition, in order. */
export interface Batch {
  readonly topic: string;
  readonly partition: number;
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
  /** Takes a batch in at once; must neither block nor throw. */
  readonly onBatch: (batch: Batch) => void;
  /** The partitions are about to be shared out anew. */
  readonly onRevoked: () => void;
  /** The partitions were shared out; each starts again at its committed offset. */
  readonly onAssigned: () => void;
  /** The client has given up. */
  readonly onFatal: (error: Error) => void;
}

const SESSION_TIMEOUT_MS = 10_000;
const REBALANCE_TIMEOUT_MS = 15_000;
const HEARTBEAT_INTERVAL_MS = 2_000;
const MAX_WAIT_MS = 500;
const MAX_BYTES_PER_PARTITION = 512 * 1024;
const STOP_TIMEOUT_MS = 5_000;

/**
 * The consuming side of kafkajs. Batches are handed over without waiting for the work, so its fetch loop keeps turning: it
 * sends heartbeats in time, no partition blocks another, and nothing of ours can throw into it (a TypeError from a handler
 * would stop the consumer for good while the process lives).
 */
export class Source {
  readonly #options: SourceOptions;
  readonly #kafka: Kafka;
  readonly #consumer: Consumer;
  /** Where each partition is to go on, to notice when Kafka has deleted events before they were consumed. */
  readonly #expected = new Map<string, bigint>();
  #stopped = false;
  joined = false;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#kafka = kafkaClient(options);
    this.#consumer = this.#kafka.consumer({
      groupId: options.group,
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_INTERVAL_MS,
      maxWaitTimeInMs: MAX_WAIT_MS,
      maxBytesPerPartition: MAX_BYTES_PER_PARTITION,
      allowAutoTopicCreation: false,
      retry: { retries: 5, initialRetryTime: 200, maxRetryTime: 2_000, restartOnFailure: async () => !this.#stopped },
    });
  }

  async start(): Promise<void> {
    const { group, topics, onFatal, onRevoked, logger } = this.#options;
    const { events } = this.#consumer;
    const assigned = new Promise<void>((resolve) => this.#consumer.on(events.GROUP_JOIN, (event) => void this.#joined(event).then(resolve)));
    this.#consumer.on(events.REBALANCING, () => {
      this.joined = false;
      onRevoked();
    });
    const crashed = new Promise<never>((_, reject) =>
      this.#consumer.on(events.CRASH, ({ payload }) => {
        this.joined = false;
        if (payload.restart || this.#stopped) return;
        const error = new Error(`The Kafka consumer ${group} has given up: ${rootCause(payload.error).message}`, { cause: payload.error });
        reject(error);
        onFatal(error);
      }),
    );
    crashed.catch(() => undefined); // Once started, onFatal is who listens.
    await this.#consumer.connect();
    // A consumer that meets a topic for the first time, or whose offsets have expired, starts at the oldest event: the newest
    // would skip what happened meanwhile.
    await this.#consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await this.#consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async (payload) => this.#hand(payload) });
    await Promise.race([assigned, crashed]);
    logger.info({ consumer: group, topics }, 'consuming');
  }

  pause(topic: string, partition: number): void {
    this.#consumer.pause([{ topic, partitions: [partition] }]);
  }

  resume(topic: string, partition: number): void {
    this.#consumer.resume([{ topic, partitions: [partition] }]);
  }

  /** Fetches nothing more. */
  pauseAll(): void {
    if (this.joined) this.#consumer.pause(this.#options.topics.map((topic) => ({ topic })));
  }

  async commit(positions: readonly Position[]): Promise<void> {
    await this.#consumer.commitOffsets([...positions]);
  }

  /** Leaves the group. Bounded in time, because kafkajs waits for ever for a connection that hangs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.joined = false;
    const left = this.#consumer.disconnect().catch((error: unknown) => this.#options.logger.warn({ err: error }, 'the consumer could not leave its group in order'));
    await Promise.race([left, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
  }

  #hand({ batch, resolveOffset, isStale }: EachBatchPayload): void {
    if (isStale() || batch.messages.length === 0) return;
    const { topic, partition } = batch;
    this.#noticeLoss(topic, partition, BigInt(batch.messages[0]!.offset));
    this.#options.onBatch({ topic, partition, messages: batch.messages.map(({ offset, key, value, headers }) => ({ offset, key, value, headers: headers ?? {} })) });
    // For kafkajs "resolved" only means where to fetch next; what is committed is what commit() is told.
    resolveOffset(batch.lastOffset());
    this.#expected.set(`${topic}/${partition}`, BigInt(batch.lastOffset()) + 1n);
  }

  /** kafkajs jumps silently when the offset it wants has been deleted; silence would hide lost events. */
  #noticeLoss(topic: string, partition: number, first: bigint): void {
    const expected = this.#expected.get(`${topic}/${partition}`);
    if (expected === undefined || first <= expected) return;
    this.#options.logger.error({ topic, partition, expected: expected.toString(), first: first.toString(), lost: Number(first - expected) }, 'Kafka has deleted events before they were consumed');
  }

  async #joined({ payload }: ConsumerGroupJoinEvent): Promise<void> {
    this.#expected.clear();
    this.#options.onAssigned();
    this.joined = true;
    await this.#expectCommitted(Object.keys(payload.memberAssignment)).catch((error: unknown) => this.#options.logger.warn({ err: error }, 'the committed offsets could not be read'));
  }

  /** Notes where the group had committed, so that a jump over deleted events is noticed at the first batch, too. */
  async #expectCommitted(topics: string[]): Promise<void> {
    if (topics.length === 0) return;
    const admin = this.#kafka.admin();
    await admin.connect();
    try {
      for (const { topic, partitions } of await admin.fetchOffsets({ groupId: this.#options.group, topics })) {
        for (const { partition, offset } of partitions) {
          const name = `${topic}/${partition}`;
          if (BigInt(offset) >= 0n && !this.#expected.has(name)) this.#expected.set(name, BigInt(offset));
        }
      }
    } finally {
      await admin.disconnect();
    }
  }
}
