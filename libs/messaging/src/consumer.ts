import type { DescMessage } from '@bufbuild/protobuf';
import type { Database } from '@past-tense/database';
import type { ProcessedEvents } from '@past-tense/dedup';
import type { Outbox } from '@past-tense/outbox';
import type { PersonalData } from '@past-tense/privacy';
import { forKnownFields, type Logger, type TraceFlow } from '@past-tense/telemetry';
import { channel } from 'node:diagnostics_channel';
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Arrivals, laneOf, publishedMs } from './delivery/arrivals';
import { Attempt } from './delivery/attempt';
import type { RetryPolicy } from './delivery/back-off';
import { Delivery, type DeliveryOptions } from './delivery/delivery';
import { Figures, type Lag } from './delivery/figures';
import { GapWatch } from './delivery/gap-watch';
import { GroupCommit } from './delivery/group-commit';
import { Lanes } from './delivery/lanes';
import type { Message } from './delivery/message';
import { Moves } from './delivery/moves';
import { Outages } from './delivery/outages';
import type { PartitionProgress } from './delivery/partition-progress';
import { Slots } from './delivery/slots';
import { Starts } from './delivery/starts';
import { Turns } from './delivery/turns';
import type { KafkaOptions } from './kafka/client';
import { kafkaSource } from './kafka/clients';
import type { Batch, KafkaSource } from './kafka/source';
import { AssignedPartitions } from './positions/assigned-partitions';
import { Repositioning } from './positions/repositioning';
import type { OpenMove } from './positions/reset-records';
import { RETRY_TIERS, type RetryTier } from './queues';
import { ReplayResults } from './replay/results';
import { patienceOf, type AnyReaction } from './reaction';
import { HeldEvents } from './retry/held-events';
import type { AfterDeath } from './retry/ordered-retry';
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
  /** Whether what the consumer keeps follows from the events alone, so that it may be derived again; no, if left out. */
  readonly projection?: boolean;
  /** Opens what the consumer may read of personal data; nothing for one that reads none. */
  readonly personal?: PersonalData | undefined;
  /** Events handled side by side; those of one aggregate never are. */
  readonly concurrency: number;
  /** Events of different aggregates whose effects may be committed together while more wait; 50 if left out, 1 for each by itself. */
  readonly groupCommit?: number;
  readonly retry: RetryPolicy;
  /** Delays of the retry tiers, shortest first; by default those in the names of their topics. */
  readonly tiers?: readonly RetryTier[];
  /** Whether later events of an aggregate wait behind a dead one (the default) or go on. */
  readonly afterDeath?: AfterDeath;
  /** Milliseconds an early event waits for what it needs, unless its reaction declares another patience. */
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
const COMMIT_INTERVAL_MS = 500;
const DRAIN_TIMEOUT_MS = 6_000;

/** Consumes topics for one consumer group: bounded, in order per aggregate, committing only what is done. */
export class Consumer {
  readonly #source: KafkaSource;
  readonly #delivery: Omit<DeliveryOptions, 'stopping'>;
  readonly #outages: Outages;
  readonly #gaps: GapWatch;
  readonly #figures: Figures;
  readonly #starts: Starts;
  readonly #lanes = new Lanes();
  readonly #arrivals: Arrivals;
  readonly #repositioning: Repositioning;
  readonly #stopping = new AbortController();
  readonly #assigned: AssignedPartitions;
  readonly #paused = new Map<string, PartitionProgress>();
  #commitTimer: NodeJS.Timeout | undefined;

  constructor(options: ConsumerOptions) {
    const { consumer, database, outbox, processed, reactions, logger, tiers = RETRY_TIERS, afterDeath = 'hold' } = options;
    const {
      earlyLimitMs = 300_000,
      maxHeld = 10_000,
      maxStarts = 5,
      traceFlow = 'connected',
      stages = new Map(),
      projection = false,
      concurrency,
      groupCommit = 50,
    } = options;
    const stopping = this.#stopping.signal;
    setMaxListeners(0, stopping); // Every event that waits listens for the stop.
    this.#arrivals = new Arrivals(consumer);
    this.#figures = new Figures(consumer, new Set([...reactions.keys()].map(({ typeName }) => typeName)));
    this.#starts = new Starts(database, consumer);
    const held = new HeldEvents(consumer, outbox);
    const turns = new Turns({ consumer, processed, held, tiers, afterDeath, earlyLimitMs: patienceOf(reactions, earlyLimitMs), maxHeld });
    const versions = new Versions({ consumer, stages, processed, held, figures: this.#figures, logger });
    const results = new ReplayResults(database);
    const groups = new GroupCommit({ database, turns, figures: this.#figures, results, most: groupCommit, concurrency });
    const attempt = new Attempt({
      consumer,
      database,
      turns,
      groups,
      versions,
      reactions,
      figures: this.#figures,
      traceFlow,
      results,
      projection,
      personal: options.personal,
    });
    // As many events as `concurrency` may wait for somebody outside. Of the others as many may wait for their commits as three groups have, so that the
    // third is complete when one of two is committed, and some more: should all of them wait for somebody, they go on.
    const outsideWeight = groupCommit === 1 ? 1 : Math.ceil((3 * groupCommit) / concurrency) + 1;
    const slots = outsideWeight * concurrency;
    this.#outages = new Outages(stopping, (kind, away) =>
      away
        ? logger.warn({ consumer, eventType: kind }, `${consumer} pauses ${kind}: something it needs is away; one event probes`)
        : logger.info({ consumer, eventType: kind }, `${consumer} goes on with ${kind}`),
    );
    this.#figures.watch({ database, outages: this.#outages, lag: () => this.lag() });
    this.#delivery = {
      ...options,
      eventLogger: forKnownFields(logger),
      attempt,
      turns,
      moves: new Moves({ consumer, database, turns, versions, figures: this.#figures, traceFlow, logger, stopping }),
      outages: this.#outages,
      slots: new Slots(slots),
      replaySlots: new Slots(Math.max(1, Math.floor(slots / 2))),
      outsideWeight,
      results,
      starts: this.#starts,
      figures: this.#figures,
      maxStarts,
    };
    this.#repositioning = new Repositioning({ consumer, database, logger, reposition: (moves) => this.#reposition(moves) });
    this.#gaps = new GapWatch({
      consumer,
      database,
      turns,
      held,
      figures: this.#figures,
      logger,
      everyMs: Math.min(5_000, earlyLimitMs / 4),
    });
    this.#assigned = new AssignedPartitions((positions) => this.#source.commit(positions), logger);
    this.#source = kafkaSource({
      ...options.kafka,
      group: consumer,
      sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
      topics: [...options.topics, ...this.#arrivals.ownTopics],
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
    this.#repositioning.start();
    this.#commitTimer = setInterval(() => {
      this.#assigned.lag();
      this.#assigned.commitWhenFree();
    }, COMMIT_INTERVAL_MS);
  }

  /** Whether the group counts this process as a member. */
  get joined(): boolean {
    return this.#source.joined;
  }

  /**
   * How far this member is behind on its partitions, by topic: events, seconds since the oldest of them was published, and seconds until none is
   * left, which is undefined while they do not become less.
   */
  lag(): ReadonlyMap<string, Lag> {
    return this.#assigned.lag();
  }

  /** Lets what runs finish, commits it and leaves the group. What has not begun is delivered again to whoever takes over. */
  async stop(): Promise<void> {
    clearInterval(this.#commitTimer);
    this.#source.pauseAll();
    this.#stopping.abort();
    for (const progress of this.#assigned.all) progress.giveUp();
    await Promise.race([this.#lanes.idle(), sleep(DRAIN_TIMEOUT_MS, undefined, { ref: false })]);
    await Promise.all([this.#gaps.stop(), this.#starts.stop(), this.#repositioning.stop()]);
    await this.#assigned.commit();
    await this.#source.stop();
    this.#figures.stopWatching();
  }

  /** Takes a batch in without waiting for its work, so that no partition keeps another from being fetched. */
  #accept(batch: Batch): void {
    const { topic, partition, messages } = batch;
    const progress = this.#assigned.progressOf(topic, partition);
    const delivery = new Delivery({ ...this.#delivery, stopping: progress.givenUp });
    progress.highWatermark = BigInt(batch.highWatermark);
    this.#figures.consumed(topic, messages.length);
    for (const message of this.#arrivals.messagesIn(batch)) {
      const { suspect, done } = progress.accept(message.arrived.offset, publishedMs(message), message.value?.length ?? 0);
      progress.whenDue(message.dueMs, () => this.#enqueue(message, progress, done, () => delivery.settle(message, suspect)));
    }
    if (progress.waiting > MAX_WAITING_PER_PARTITION || progress.waitingBytes > MAX_BYTES_PER_PARTITION) this.#pause(progress);
  }

  #enqueue(message: Message, progress: PartitionProgress, done: () => void, settle: () => Promise<boolean>): void {
    this.#lanes.add(laneOf(message), async () => {
      await this.#delivery.slots.room();
      if (this.#assigned.has(progress) && !this.#stopping.signal.aborted && (await settle())) {
        afterEffects.publish(undefined);
        done();
      }
      if (this.#paused.get(progress.name) === progress && isHalfEmpty(progress)) this.#resume(progress);
    });
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
    void this.#assigned.commit();
    this.#forgetAssignment();
  }

  #reset(): void {
    this.#starts.reset();
    this.#forgetAssignment();
    for (const progress of this.#paused.values()) this.#source.resume(progress.topic, progress.partition);
    this.#paused.clear();
  }

  #forgetAssignment(): void {
    this.#giveUp(this.#assigned.all);
    this.#assigned.forget();
    this.#lanes.forgetWaiting();
  }

  #giveUp(given: readonly PartitionProgress[]): void {
    for (const progress of given) progress.giveUp();
    // Whoever waits for an outage to end looks again: what was given up is forgotten, and must not be the one that probes.
    for (const kind of this.#outages.away) this.#outages.over(kind);
  }

  /**
   * Goes on elsewhere with those of the partitions that are this member's: what has not begun is given up, and what comes counts from the new
   * offset. Asked again for the same reset, it only sees to the commit.
   * @returns those whose new position the group knows
   */
  async #reposition(moves: readonly OpenMove[]): Promise<OpenMove[]> {
    await this.#assigned.untilCommitted(); // It may bear the old position, and must not land after the new one.
    const own = moves.filter(({ topic, partition }) => this.#source.owns(topic, partition));
    for (const move of own) this.#goOnAt(move);
    await this.#assigned.commit();
    return own.filter((move) => this.#assigned.hasCommitted(move));
  }

  #goOnAt(move: OpenMove): void {
    const changed = this.#assigned.goOnAt(move);
    if (!changed) return;
    this.#source.seek(move.topic, move.partition, move.to);
    this.#giveUp([changed.before]);
    if (this.#paused.has(changed.now.name)) this.#resume(changed.now);
  }
}

function isHalfEmpty({ waiting, waitingBytes }: PartitionProgress): boolean {
  return waiting <= MAX_WAITING_PER_PARTITION / 2 && waitingBytes <= MAX_BYTES_PER_PARTITION / 2;
}
