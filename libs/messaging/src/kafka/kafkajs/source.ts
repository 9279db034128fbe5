import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload, Kafka } from 'kafkajs';
import type { KafkaSource, Position, SourceOptions } from '../source';
import { kafkaClient, rootCause } from './client';

const REBALANCE_TIMEOUT_MS = 15_000;
const HEARTBEAT_INTERVAL_MS = 2_000;
const MAX_WAIT_MS = 500;
const MAX_BYTES_PER_PARTITION = 128 * 1024;
const STOP_TIMEOUT_MS = 5_000;
/** What Kafka says for a partition without a committed offset. */
const NONE = '-1';
/**
 * What passes by itself although kafkajs takes it for final: a broker that has just started says that nobody coordinates the
 * group until its offsets topic is there, which on a busy machine takes longer than the client tries.
 */
const PASSES = new Set(['KafkaJSGroupCoordinatorNotFound']);
const PASSES_AFTER_MS = 1_000;

/**
 * The consuming side of kafkajs. Batches are handed over without waiting for the work, so its fetch loop keeps turning: it
 * sends heartbeats in time, no partition blocks another, and nothing of ours can throw into it (a TypeError from a handler
 * would stop the consumer for good while the process lives).
 */
export class KafkaJsSource implements KafkaSource {
  readonly #options: SourceOptions;
  readonly #kafka: Kafka;
  readonly #consumer: Consumer;
  /** Where each partition is to go on, as far as this member knows. */
  readonly #expected = new Map<string, bigint>();
  /** Partitions whose next event is not the next one: Kafka has deleted some before they were consumed. */
  readonly #jumped = new Set<string>();
  /** Partitions that the group has given to this member. */
  #owned: ReadonlySet<string> = new Set();
  #joinedBefore = false;
  /** Kafka has said that this user may not take part in the group, which no waiting mends. */
  #forbidden = false;
  #stopped = false;
  joined = false;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#kafka = kafkaClient({ ...options, onLog: (message, fields) => this.#notice(message, fields) });
    this.#consumer = this.#kafka.consumer({
      groupId: options.group,
      sessionTimeout: options.sessionTimeoutMs,
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
    const assigned = new Promise<void>((resolve) =>
      this.#consumer.on(events.GROUP_JOIN, ({ payload }) => {
        this.#joined(payload);
        resolve();
      }),
    );
    this.#consumer.on(events.REBALANCING, () => {
      this.#left();
      onRevoked();
    });
    const crashed = new Promise<never>((_, reject) => {
      const giveUp = (cause: Error): void => {
        const reason = this.#forbidden
          ? 'its user may not take part in this group; grant the permissions that the contracts declare (npm run catalogue -- --acls)'
          : rootCause(cause).message;
        const error = new Error(`The Kafka consumer ${group} has given up: ${reason}`, { cause });
        reject(error);
        onFatal(error);
      };
      this.#consumer.on(events.CRASH, ({ payload }) => {
        this.#left();
        if (payload.restart || this.#stopped) return;
        if (PASSES.has(rootCause(payload.error).name) && !this.#forbidden) this.#runAgain().catch(giveUp);
        else giveUp(payload.error);
      });
    });
    crashed.catch(() => undefined); // Once started, onFatal is who listens.
    await this.#consumer.connect();
    // Only to tell how many events were lost, should some be: not worth failing for.
    await this.#expectCommitted().catch((error: unknown) => logger.debug({ err: error }, 'the committed offsets could not be read'));
    // A consumer that meets a topic for the first time, or whose offsets have expired, starts at the oldest event: the newest
    // would skip what happened meanwhile.
    await this.#consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await this.#run();
    await Promise.race([assigned, crashed]);
    logger.info({ consumer: group, topics }, 'consuming');
  }

  async #run(): Promise<void> {
    await this.#consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async (payload) => this.#hand(payload) });
  }

  /** After a crash kafkajs has disconnected; it still knows its topics. */
  async #runAgain(): Promise<void> {
    await sleep(PASSES_AFTER_MS, undefined, { ref: false });
    if (this.#stopped) return;
    await this.#consumer.connect();
    await this.#run();
  }

  pause(topic: string, partition: number): void {
    this.#ifRunning(() => this.#consumer.pause([{ topic, partitions: [partition] }]));
  }

  resume(topic: string, partition: number): void {
    this.#ifRunning(() => this.#consumer.resume([{ topic, partitions: [partition] }]));
  }

  owns(topic: string, partition: number): boolean {
    return this.#owned.has(`${topic}/${partition}`);
  }

  seek(topic: string, partition: number, offset: bigint): void {
    const name = `${topic}/${partition}`;
    this.#ifRunning(() => this.#consumer.seek({ topic, partition, offset: String(offset) }));
    // What lies before the place that was left is not lost, should Kafka delete it now.
    if (offset > (this.#expected.get(name) ?? -1n)) this.#expected.set(name, offset);
  }

  pauseAll(): void {
    this.#ifRunning(() => this.#consumer.pause(this.#options.topics.map((topic) => ({ topic }))));
  }

  /** kafkajs refuses to pause or resume while it is between a crash and its restart; nothing is fetched then anyway. */
  #ifRunning(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'the consumer is not running');
    }
  }

  async commit(positions: readonly Position[]): Promise<void> {
    await this.#consumer.commitOffsets([...positions]);
  }

  /** Bounded in time, because kafkajs waits for ever for a connection that hangs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#left();
    const left = this.#consumer
      .disconnect()
      .catch((error: unknown) => this.#options.logger.warn({ err: error }, 'the consumer could not leave its group in order'));
    await Promise.race([left, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
  }

  #hand(payload: EachBatchPayload): void {
    const { batch } = payload;
    if (payload.isStale() || batch.messages.length === 0) return;
    const { topic, partition } = batch;
    this.#tellLoss(topic, partition, BigInt(batch.messages[0]!.offset));
    this.#options.onBatch({
      topic,
      partition,
      highWatermark: batch.highWatermark,
      messages: batch.messages.map(({ offset, key, value, headers }) => ({ offset, key, value, headers: headers ?? {} })),
    });
    // For kafkajs "resolved" only means where to fetch next; what is committed is what commit() is told.
    payload.resolveOffset(batch.lastOffset());
    this.#expected.set(`${topic}/${partition}`, BigInt(batch.lastOffset()) + 1n);
  }

  /**
   * kafkajs says only in its log that an offset it wanted is gone and that it goes on elsewhere; and that the group is forbidden: what it
   * throws then is that nobody coordinates it.
   */
  #notice(message: string, { topic, partition, error }: Readonly<Record<string, unknown>>): void {
    if (String(error).startsWith('Not authorized to access group')) this.#forbidden = true;
    if (message.startsWith('Offset out of range, resetting')) this.#jumped.add(`${String(topic)}/${String(partition)}`);
  }

  /** Silence would hide lost events. */
  #tellLoss(topic: string, partition: number, first: bigint): void {
    if (!this.#jumped.delete(`${topic}/${partition}`)) return;
    const expected = this.#expected.get(`${topic}/${partition}`);
    if (expected !== undefined && expected >= first) return;
    this.#options.onLost(topic, expected === undefined ? 1 : Number(first - expected));
    this.#options.logger.error(
      { topic, partition, first: Number(first), ...(expected !== undefined && { lost: Number(first - expected) }) },
      'Kafka has deleted events before they were consumed',
    );
  }

  #joined({ memberAssignment }: ConsumerGroupJoinEvent['payload']): void {
    if (this.#joinedBefore) this.#expected.clear(); // Another member may have gone on meanwhile.
    this.#joinedBefore = true;
    this.#owned = new Set(Object.entries(memberAssignment).flatMap(([topic, partitions]) => partitions.map((one) => `${topic}/${one}`)));
    this.#options.onAssigned();
    this.joined = !this.#stopped;
  }

  #left(): void {
    this.joined = false;
    this.#owned = new Set();
  }

  /** Notes where the group had got to before this member joins. */
  async #expectCommitted(): Promise<void> {
    const { group, topics } = this.#options;
    const admin = this.#kafka.admin();
    await admin.connect();
    try {
      for (const { topic, partitions } of await admin.fetchOffsets({ groupId: group, topics: [...topics] })) {
        for (const { partition, offset } of partitions) if (offset !== NONE) this.#expected.set(`${topic}/${partition}`, BigInt(offset));
      }
    } finally {
      await admin.disconnect();
    }
  }
}
