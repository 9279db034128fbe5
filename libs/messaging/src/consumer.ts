import { ROOT_CONTEXT, SpanKind, type SpanContext } from '@opentelemetry/api';
import { tracer } from '@past-tense/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import { Delivery, type DeliveryOptions } from './delivery/delivery';
import { Lanes } from './delivery/lanes';
import { PartitionProgress } from './delivery/partition-progress';
import type { KafkaOptions } from './kafka/client';
import { Source, type Batch } from './kafka/source';

export interface ConsumerOptions extends Omit<DeliveryOptions, 'stopping'> {
  readonly kafka: KafkaOptions;
  readonly topics: readonly string[];
  /** Events handled side by side; those of one aggregate never are. */
  readonly concurrency: number;
  /** Called when the consumer cannot go on; the process should end. */
  readonly onFatal: (error: Error) => void;
}

// Bounds of what waits in memory. A partition above its bound is paused until half of it is done; the others flow on.
const MAX_WAITING_PER_PARTITION = 500;
const MAX_WAITING = 4_000;
const COMMIT_INTERVAL_MS = 500;
// kafkajs tries a commit again that a rebalance interrupted, and may so set back the position of a partition that has gone to
// this member. Committing every position again now and then puts that right.
const COMMIT_ALL_INTERVAL_MS = 15_000;
const DRAIN_TIMEOUT_MS = 6_000;

/** Consumes topics for one consumer group: bounded, in order per aggregate, committing only what is done. */
export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #source: Source;
  readonly #delivery: Delivery;
  readonly #lanes: Lanes;
  readonly #stopping = new AbortController();
  /** Progress of the assigned partitions. Replaced as a whole when the assignment changes: what ran before counts no more. */
  #assigned = new Map<string, PartitionProgress>();
  #paused = new Map<string, { topic: string; partition: number }>();
  #waiting = 0;
  #committedAllAtMs = Date.now();
  #commitTimer: NodeJS.Timeout | undefined;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#delivery = new Delivery({ ...options, stopping: this.#stopping.signal });
    this.#lanes = new Lanes(options.concurrency);
    this.#source = new Source({
      ...options.kafka,
      group: options.consumer,
      topics: options.topics,
      onBatch: (batch) => this.#accept(batch),
      onRevoked: () => this.#revoked(),
      onAssigned: () => this.#reset(),
      onFatal: options.onFatal,
    });
  }

  /** Joins the group and starts to consume. Returns once the group has assigned partitions. */
  async start(): Promise<void> {
    await this.#source.start();
    this.#commitTimer = setInterval(() => void this.#commit(), COMMIT_INTERVAL_MS);
  }

  /** Whether the group counts this process as a member. */
  get joined(): boolean {
    return this.#source.joined;
  }

  /** Lets what runs finish, commits it and leaves the group. What has not begun is delivered again to whoever takes over. */
  async stop(): Promise<void> {
    clearInterval(this.#commitTimer);
    this.#source.pauseAll();
    this.#stopping.abort();
    await Promise.race([this.#lanes.idle(), sleep(DRAIN_TIMEOUT_MS, undefined, { ref: false })]);
    await this.#commit();
    await this.#source.stop();
  }

  /** Takes a batch in without waiting for its work, so that no partition keeps another from being fetched. */
  #accept({ topic, partition, messages }: Batch): void {
    const progress = this.#progressOf(topic, partition);
    const batch = messages.length > 1 ? receiveSpan(topic, partition, messages.length) : undefined;
    for (const message of messages) {
      const done = progress.accept(message.offset);
      this.#waiting += 1;
      this.#lanes.add(message.key?.toString('latin1') ?? `${topic}/${partition}`, async () => {
        const current = this.#assigned.get(`${topic}/${partition}`) === progress;
        if (current && !this.#stopping.signal.aborted && (await this.#delivery.settle({ ...message, topic, partition, batch }))) done();
        this.#waiting -= 1;
        this.#resume();
      });
    }
    if (progress.waiting > MAX_WAITING_PER_PARTITION || this.#waiting > MAX_WAITING) this.#pause(topic, partition);
  }

  #pause(topic: string, partition: number): void {
    this.#paused.set(`${topic}/${partition}`, { topic, partition });
    this.#source.pause(topic, partition);
  }

  #resume(): void {
    if (this.#paused.size === 0 || this.#waiting > MAX_WAITING / 2 || this.#stopping.signal.aborted) return;
    for (const [name, { topic, partition }] of this.#paused) {
      if (this.#progressOf(topic, partition).waiting > MAX_WAITING_PER_PARTITION / 2) continue;
      this.#paused.delete(name);
      this.#source.resume(topic, partition);
    }
  }

  /** The group is about to share out the partitions anew: commit what is done while this member still may. */
  #revoked(): void {
    void this.#commit();
    this.#assigned = new Map();
  }

  #reset(): void {
    this.#assigned = new Map();
    for (const { topic, partition } of this.#paused.values()) this.#source.resume(topic, partition);
    this.#paused.clear();
  }

  #progressOf(topic: string, partition: number): PartitionProgress {
    const name = `${topic}/${partition}`;
    const progress = this.#assigned.get(name) ?? new PartitionProgress();
    this.#assigned.set(name, progress);
    return progress;
  }

  /** Commits the positions before which everything is done. A commit that fails is made up for by the next one. */
  async #commit(): Promise<void> {
    const all = Date.now() - this.#committedAllAtMs > COMMIT_ALL_INTERVAL_MS;
    const positions = [...this.#assigned].flatMap(([name, progress]) => {
      const offset = progress.position;
      const slash = name.lastIndexOf('/');
      return offset !== undefined && (all || progress.moved)
        ? [{ topic: name.slice(0, slash), partition: Number(name.slice(slash + 1)), offset, progress }]
        : [];
    });
    if (all) this.#committedAllAtMs = Date.now();
    if (positions.length === 0) return;
    try {
      await this.#source.commit(positions.map(({ topic, partition, offset }) => ({ topic, partition, offset })));
      for (const { progress, offset } of positions) progress.committed(offset);
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'offsets could not be committed; the next commit makes up for it');
    }
  }
}

/** One span for a fetch that brought several messages; each of them links to it. */
function receiveSpan(topic: string, partition: number, count: number): SpanContext {
  const attributes = {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'poll',
    'messaging.operation.type': 'receive',
    'messaging.destination.name': topic,
    'messaging.destination.partition.id': String(partition),
    'messaging.batch.message_count': count,
  };
  const span = tracer.startSpan(`poll ${topic}`, { kind: SpanKind.CLIENT, attributes }, ROOT_CONTEXT);
  span.end();
  return span.spanContext();
}
