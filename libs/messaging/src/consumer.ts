import { ROOT_CONTEXT, SpanKind, type SpanContext } from '@opentelemetry/api';
import type { DescMessage } from '@bufbuild/protobuf';
import type { Database } from '@past-tense/database';
import type { ProcessedEvents } from '@past-tense/dedup';
import type { Outbox } from '@past-tense/outbox';
import { tracer, type Logger, type TraceFlow } from '@past-tense/telemetry';
import { channel } from 'node:diagnostics_channel';
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { withoutAdded } from './delivery/added-headers';
import { Attempt } from './delivery/attempt';
import { Delivery, type RetryPolicy } from './delivery/delivery';
import { Figures } from './delivery/figures';
import { GapWatch } from './delivery/gap-watch';
import { Lanes } from './delivery/lanes';
import type { Message } from './delivery/message';
import { Moves } from './delivery/moves';
import { Outages } from './delivery/outages';
import { PartitionProgress } from './delivery/partition-progress';
import { Slots } from './delivery/slots';
import { Starts } from './delivery/starts';
import { Turns } from './delivery/turns';
import type { KafkaOptions } from './kafka/client';
import { Source, type Batch } from './kafka/source';
import { RETRY_TIERS, returnTopics, type RetryTier } from './queues';
import type { AnyReaction } from './reaction';
import { HeldEvents } from './retry/held-events';
import { SOURCE, type AfterDeath, type Place } from './retry/ordered-retry';
import type { Stage } from './versions/stage';
import { Versions } from './versions/versions';

export interface ConsumerOptions {
  /** Name of the consumer: its group, its retry and dead-letter topics, its rows in the dedup store. */
  readonly consumer: string;
  readonly kafka: KafkaOptions;
  /** Topics of the events. */
  readonly topics: readonly string[];
  readonly reactions: ReadonlyMap<DescMessage, AnyReaction<never>>;
  readonly database: Database;
  readonly processed: ProcessedEvents;
  readonly outbox: Pick<Outbox, 'forward'>;
  /** Which version takes effect where a fact was published in several, by the name that all versions of the event share. */
  readonly stages?: ReadonlyMap<string, Stage>;
  /** Events handled side by side; those of one aggregate never are. */
  readonly concurrency: number;
  readonly retry: RetryPolicy;
  /** Delays of the retry tiers, shortest first; by default those in the names of their topics. */
  readonly tiers?: readonly RetryTier[];
  /** Whether later events of an aggregate wait behind a dead one (the default) or go on. */
  readonly afterDeath?: AfterDeath;
  /** Milliseconds an early event waits for what it needs. */
  readonly earlyLimitMs?: number;
  /** Events that may wait at once, dead letters not counted. */
  readonly maxHeld?: number;
  /** Milliseconds without a heartbeat after which the group takes this member for dead and gives its partitions to others. */
  readonly sessionTimeoutMs?: number;
  /** How often a message may be begun without being finished before it counts as one that kills the process. */
  readonly maxStarts?: number;
  /** Whether what an event causes is part of its trace (the default) or a trace of its own with a link. */
  readonly traceFlow?: TraceFlow;
  readonly logger: Logger;
  /** Called when the consumer cannot go on; the process should end. */
  readonly onFatal: (error: Error) => void;
}

// A point at which the crash tests kill the process: the message is settled, and its offset not yet passed.
const afterEffects = channel('past-tense.after-effects');

// Bounds of what waits in memory. A partition above its bound is paused until half of it is done; the others flow on.
const MAX_WAITING_PER_PARTITION = 250;
const MAX_BYTES_PER_PARTITION = 4 * 1_048_576;
// Only so many messages after a new assignment can have been begun by a process that did not finish them.
const SUSPECTS_PER_PARTITION = 300;
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
  readonly #gaps: GapWatch;
  readonly #figures: Figures;
  readonly #starts: Starts;
  readonly #lanes = new Lanes();
  readonly #returns: ReadonlyMap<string, Place>;
  readonly #stopping = new AbortController();
  /** The assigned partitions. Replaced as a whole when the assignment changes: what ran before counts no more. */
  #assigned = new Map<string, PartitionProgress>();
  #paused = new Map<string, PartitionProgress>();
  #committedAllAtMs = Date.now();
  #commitTimer: NodeJS.Timeout | undefined;

  constructor(options: ConsumerOptions) {
    const { consumer, database, outbox, processed, reactions, logger, tiers = RETRY_TIERS, afterDeath = 'hold' } = options;
    const { earlyLimitMs = 300_000, maxHeld = 10_000, maxStarts = 5, traceFlow = 'connected', stages = new Map() } = options;
    const stopping = this.#stopping.signal;
    setMaxListeners(0, stopping); // Every event that waits listens for the stop.
    this.#options = options;
    this.#returns = returnTopics(consumer);
    this.#figures = new Figures(consumer, new Set([...reactions.keys()].map(({ typeName }) => typeName)));
    this.#starts = new Starts(database, consumer);
    const held = new HeldEvents(consumer, outbox);
    const turns = new Turns({ consumer, processed, held, tiers, afterDeath, earlyLimitMs, maxHeld });
    const versions = new Versions({ consumer, stages, processed, held, figures: this.#figures, logger });
    const attempt = new Attempt({ consumer, database, turns, versions, reactions, figures: this.#figures, traceFlow });
    const outages = new Outages(stopping, (kind, away) =>
      away
        ? logger.warn({ consumer, eventType: kind }, `${consumer} pauses ${kind}: something it needs is away; one event probes`)
        : logger.info({ consumer, eventType: kind }, `${consumer} goes on with ${kind}`),
    );
    this.#figures.watch({ database, outages, lag: () => this.lag() });
    this.#delivery = new Delivery({
      ...options,
      attempt,
      turns,
      moves: new Moves({ consumer, database, turns, versions, figures: this.#figures, traceFlow, logger, stopping }),
      outages,
      slots: new Slots(options.concurrency),
      starts: this.#starts,
      figures: this.#figures,
      maxStarts,
      stopping,
    });
    this.#gaps = new GapWatch({
      consumer,
      database,
      turns,
      held,
      figures: this.#figures,
      logger,
      everyMs: Math.min(5_000, earlyLimitMs / 4),
    });
    this.#source = new Source({
      ...options.kafka,
      group: consumer,
      sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
      topics: [...options.topics, ...this.#returns.keys()],
      onBatch: (batch) => this.#accept(batch),
      onRevoked: () => this.#revoked(),
      onAssigned: () => this.#reset(),
      onLost: (topic, events) => this.#figures.lost(topic, events),
      onFatal: options.onFatal,
    });
  }

  /** Joins the group and starts to consume. Returns once the group has assigned partitions. */
  async start(): Promise<void> {
    await this.#source.start();
    this.#gaps.start();
    this.#commitTimer = setInterval(() => void this.#commit(), COMMIT_INTERVAL_MS);
  }

  /** Whether the group counts this process as a member. */
  get joined(): boolean {
    return this.#source.joined;
  }

  /** How far this member is behind on its partitions, by topic: events, and seconds since the oldest of them was published. */
  lag(): Map<string, { events: number; seconds: number }> {
    const lags = new Map<string, { events: number; seconds: number }>();
    for (const progress of this.#assigned.values()) {
      const { events, seconds } = progress.lag;
      const before = lags.get(progress.topic) ?? { events: 0, seconds: 0 };
      lags.set(progress.topic, { events: before.events + events, seconds: Math.max(before.seconds, seconds) });
    }
    return lags;
  }

  /** Lets what runs finish, commits it and leaves the group. What has not begun is delivered again to whoever takes over. */
  async stop(): Promise<void> {
    clearInterval(this.#commitTimer);
    this.#source.pauseAll();
    this.#stopping.abort();
    for (const progress of this.#assigned.values()) progress.giveUp();
    await Promise.race([this.#lanes.idle(), sleep(DRAIN_TIMEOUT_MS, undefined, { ref: false })]);
    await Promise.all([this.#gaps.stop(), this.#starts.stop()]);
    await this.#commit();
    await this.#source.stop();
    this.#figures.stopWatching();
  }

  /** Takes a batch in without waiting for its work, so that no partition keeps another from being fetched. */
  #accept(batch: Batch): void {
    const { topic, partition, messages } = batch;
    const progress = this.#progressOf(topic, partition);
    const receive = messages.length > 1 ? receiveSpan(topic, partition, messages.length) : undefined;
    progress.highWatermark = BigInt(batch.highWatermark);
    this.#figures.consumed(topic, messages.length);
    for (const raw of messages) {
      const message = this.#read(topic, partition, raw, receive);
      const { number, done } = progress.accept(message.arrived.offset, publishedMs(message), message.value?.length ?? 0);
      progress.whenDue(message.dueMs, () => this.#enqueue(message, progress, done, number <= SUSPECTS_PER_PARTITION));
    }
    if (progress.waiting > MAX_WAITING_PER_PARTITION || progress.waitingBytes > MAX_BYTES_PER_PARTITION) this.#pause(progress);
  }

  #enqueue(message: Message, progress: PartitionProgress, done: () => void, suspect: boolean): void {
    // What comes back has a lane of its own: a new event may wait for room that only an event coming back can make.
    const lane = `${message.from === SOURCE ? 'new' : 'back'}/${message.key?.toString('latin1') ?? progress.name}`;
    this.#lanes.add(lane, async () => {
      const assigned = this.#assigned.get(progress.name) === progress;
      if (assigned && !this.#stopping.signal.aborted && (await this.#delivery.settle(message, suspect))) {
        afterEffects.publish(undefined);
        done();
      }
      if (this.#paused.get(progress.name) === progress && isHalfEmpty(progress)) this.#resume(progress);
    });
  }

  /** A message as it was on its source topic, wherever it was read now. */
  #read(
    topic: string,
    partition: number,
    { offset, key, value, headers }: Batch['messages'][number],
    receive: SpanContext | undefined,
  ): Message {
    const arrived = { topic, partition, offset };
    const place = this.#returns.get(topic);
    const returned = place === undefined ? undefined : withoutAdded(headers);
    if (place !== undefined && returned)
      return { arrived, key, value, ...returned, from: returned.from ?? place, linked: returned.linked ?? receive };
    return { arrived, origin: arrived, from: SOURCE, copy: 0, key, value, headers, attempts: 0, dueMs: 0, linked: receive };
  }

  #pause(progress: PartitionProgress): void {
    this.#paused.set(progress.name, progress);
    this.#source.pause(progress.topic, progress.partition);
  }

  #resume(progress: PartitionProgress): void {
    this.#paused.delete(progress.name);
    if (!this.#stopping.signal.aborted) this.#source.resume(progress.topic, progress.partition);
  }

  /** The group is about to share out the partitions anew: commit what is done while this member still may. */
  #revoked(): void {
    void this.#commit();
    this.#forgetAssignment();
  }

  #reset(): void {
    this.#starts.reset();
    this.#forgetAssignment();
    for (const progress of this.#paused.values()) this.#source.resume(progress.topic, progress.partition);
    this.#paused.clear();
  }

  #forgetAssignment(): void {
    for (const progress of this.#assigned.values()) progress.giveUp();
    this.#assigned = new Map();
    this.#lanes.forgetWaiting();
  }

  #progressOf(topic: string, partition: number): PartitionProgress {
    const name = `${topic}/${partition}`;
    const progress = this.#assigned.get(name) ?? new PartitionProgress(topic, partition);
    this.#assigned.set(name, progress);
    return progress;
  }

  /** Commits the positions before which everything is done. A commit that fails is made up for by the next one. */
  async #commit(): Promise<void> {
    const all = Date.now() - this.#committedAllAtMs > COMMIT_ALL_INTERVAL_MS;
    if (all) this.#committedAllAtMs = Date.now();
    const positions = [...this.#assigned.values()].flatMap((progress) => {
      const { topic, partition, position: offset } = progress;
      return offset !== undefined && (all || progress.moved) ? [{ topic, partition, offset, progress }] : [];
    });
    if (positions.length === 0) return;
    try {
      await this.#source.commit(positions.map(({ topic, partition, offset }) => ({ topic, partition, offset })));
      for (const { progress, offset } of positions) progress.committed(offset);
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'offsets could not be committed; the next commit makes up for it');
    }
  }
}

function isHalfEmpty({ waiting, waitingBytes }: PartitionProgress): boolean {
  return waiting <= MAX_WAITING_PER_PARTITION / 2 && waitingBytes <= MAX_BYTES_PER_PARTITION / 2;
}

/** When a message was published, as its envelope says; now, if it does not say. */
function publishedMs({ headers }: Message): number {
  const publishedAt = headers['ce_publishedat'];
  return (publishedAt === undefined ? Number.NaN : Date.parse(String(publishedAt))) || Date.now();
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
