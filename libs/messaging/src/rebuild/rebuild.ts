import type { DescMessage } from '@bufbuild/protobuf';
import type { Database } from '@past-tense/database';
import { ProcessedEvents } from '@past-tense/dedup';
import { newId } from '@past-tense/envelope';
import { Outbox } from '@past-tense/outbox';
import type { Logger } from '@past-tense/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import { Figures } from '../delivery/figures';
import type { KafkaOptions } from '../kafka/client';
import { consumerLag, type PartitionLag } from '../kafka/consumer-lag';
import { OrderedReader, type OffsetRange } from '../kafka/ordered-reader';
import { READING_GROUPS } from '../queues';
import type { Reaction } from '../reaction';
import { HeldEvents } from '../retry/held-events';
import type { AfterDeath } from '../retry/ordered-retry';
import type { Stage } from '../versions/stage';
import { Versions } from '../versions/versions';
import { Candidates } from './candidates';
import { Filling } from './filling';
import type { ReadModel } from './read-model';
import type { RebuildRecord, Rebuilds } from './rebuilds';
import { RebuildRefusal } from './refusal';
import { Steps } from './steps';
import { Swap, type SwapOutcome } from './swap';

export interface RebuildOptions {
  readonly consumer: string;
  readonly kafka: KafkaOptions;
  /** Topics of the events that the consumer consumes. */
  readonly topics: readonly string[];
  /** Those of the consumer, made for the copy: what they read and write apart from the transaction they are given must be the copy's, too. */
  readonly reactions: ReadonlyMap<DescMessage, Reaction<never>>;
  readonly stages: ReadonlyMap<string, Stage>;
  /** The consumer's database. */
  readonly database: Database;
  /** The same with the copy's schema (`copySchemaOf`), open and migrated. */
  readonly copy: Database;
  readonly model: ReadModel;
  readonly rebuilds: Rebuilds;
  /** How long the consumer remembers what it has processed, milliseconds. */
  readonly dedupTtlMs: number;
  readonly afterDeath: AfterDeath;
  readonly progress: (progress: RebuildProgress) => void;
  /** Aborted, with a `RebuildRefusal`, to stop after the current step; the copy stays. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** How far a rebuild is. */
export interface RebuildProgress {
  readonly phase: 'filling' | 'waiting' | 'comparing';
  /** Messages that were read by now, those of earlier runs among them, and how many there are to be read. */
  readonly read: number;
  readonly total: number;
  /** How far the consumer itself is behind its topics, in events. */
  readonly behind: number;
}

/** What became of a rebuild. */
export interface RebuildOutcome extends SwapOutcome {
  readonly record: RebuildRecord;
  /** Events that wait in the copy for what must come first. */
  readonly waiting: number;
}

/** So close to the consumer the rest is done while it stands still. */
const CLOSE = 2_000;
/** So many events at most are looked through while it stands still, because it may have processed some of them. */
const MAX_BEHIND = 10_000;
const LOOK_AGAIN_MS = 500;
/** So long the consumer may be behind and not get on before that is said. */
const STUCK_MS = 60_000;
const SWAP_ATTEMPTS = 5;

// The copy remembers what it has processed however old it is: no partitions have to be made and dropped.
const REMEMBER_EVERYTHING = 'CREATE TABLE IF NOT EXISTS processed_events_all PARTITION OF processed_events DEFAULT';

/**
 * Fills a copy of a consumer's read model from the oldest event that Kafka has, and puts it into the place of the one that serves.
 *
 * The copy follows the consumer and does not get ahead of it before they were compared: it is filled up to the offsets that the consumer has committed,
 * before which everything is settled, and then, while the consumer stands still, with those events after them that the consumer has processed. So both
 * have seen the same events when they are compared, and no event that is on its way counts as a difference. The rest is applied before the swap.
 */
export class Rebuild {
  #total = 0;
  #read = 0;
  #behind = 0;

  private constructor(
    private readonly options: RebuildOptions,
    private readonly filling: Filling,
  ) {}

  /**
   * Rebuilds, or goes on where an earlier run ended.
   * @param record the rebuild, unfinished
   * @throws RebuildRefusal if something stands in its way; what was done is kept
   */
  static async run(
    options: RebuildOptions,
    record: RebuildRecord,
    how: { allowDifferences: boolean; dryRun: boolean },
  ): Promise<RebuildOutcome> {
    const { consumer, kafka, topics, reactions, stages, copy, model, logger, signal } = options;
    await model.requireExchangeable(options.database.entities);
    await copy.entities.query(REMEMBER_EVERYTHING);
    const outbox = new Outbox({ producer: { name: consumer, version: '' }, schemas: new Map(), committed: () => undefined });
    const held = new HeldEvents(consumer, outbox);
    const processed = new ProcessedEvents(consumer, Infinity);
    const types = [...reactions.keys()].map(({ typeName }) => typeName);
    const versions = new Versions({ consumer, stages, processed, held, figures: new Figures(consumer, new Set(types)), logger });
    const candidates = new Candidates(reactions.keys(), versions, processed);
    const byType = [...reactions].map(([{ typeName }, reaction]) => [typeName, reaction] as const);
    const reader = await OrderedReader.open(kafka, `${READING_GROUPS}${newId()}`, topics);
    try {
      const progress = (messages: number) => rebuild.#tell('filling', messages);
      const steps = new Steps(consumer, byType, candidates, held);
      const filling = new Filling({ record, copy, serving: model.serving, reader, candidates, steps, progress, signal, logger });
      const rebuild = new Rebuild(options, filling);
      return await rebuild.#run(how);
    } finally {
      await reader.close();
    }
  }

  async #run(how: { allowDifferences: boolean; dryRun: boolean }): Promise<RebuildOutcome> {
    const { copy, model } = this.options;
    await this.#follow();
    await model.prepare(copy);
    for (let attempt = 1; ; attempt += 1) {
      await this.#follow();
      try {
        return { ...(await this.#swap(how)), record: this.filling.record, waiting: this.filling.waiting };
      } catch (error) {
        if (!(error instanceof FallenBehindError) || attempt >= SWAP_ATTEMPTS) throw error;
      }
    }
  }

  async #swap(how: { allowDifferences: boolean; dryRun: boolean }): Promise<SwapOutcome> {
    const { consumer, database, copy, model, rebuilds, dedupTtlMs, afterDeath } = this.options;
    const { id } = this.filling.record;
    await rebuilds.change(id, 'comparing');
    this.#tell('comparing');
    const catchUp = () => this.#catchUp();
    const finish = () => this.#finish();
    try {
      const outcome = await new Swap({ consumer, database, copy, model, dedupTtlMs, afterDeath, catchUp, finish, ...how }).attempt();
      if (!outcome.swapped) await rebuilds.change(id, 'filling', outcome.comparison);
      return outcome;
    } catch (error) {
      await rebuilds.change(id, 'filling').catch(() => undefined); // The database may be what failed; the next run takes it as it is.
      throw error;
    }
  }

  /** Fills the copy until it is close to the consumer, and the consumer close to the ends of its topics. */
  async #follow(): Promise<void> {
    let nearest = Infinity;
    let nearerAtMs = Date.now();
    for (;;) {
      this.options.signal.throwIfAborted();
      const lags = await this.#lags();
      const ranges = this.#unread(lags, ({ position }) => position);
      const unread = size(ranges);
      if (unread > 0) await this.filling.fill(ranges);
      if (unread > CLOSE) continue;
      // A swap that was interrupted at its very end has left the copy ahead; and an operator may have set the consumer back.
      const ahead = lags.some((lag) => lag.position < this.#positionOf(lag));
      if (this.#behind <= MAX_BEHIND && !ahead) return;
      if (unread > 0 || this.#behind < nearest) [nearest, nearerAtMs] = [this.#behind, Date.now()];
      if (Date.now() - nearerAtMs > STUCK_MS) throw new RebuildRefusal(this.#behindSentence());
      this.#tell('waiting');
      await sleep(LOOK_AGAIN_MS);
    }
  }

  /** Applies what the consumer has processed after the offsets that it has committed. It stands still, so the topics' ends are after all of that. */
  async #catchUp(): Promise<void> {
    const lags = await this.#lags();
    const settled = this.#unread(lags, ({ position }) => position);
    if (settled.length > 0) await this.filling.fill(settled);
    const ranges = this.#unread(lags, ({ end }) => end);
    if (size(ranges) > 2 * MAX_BEHIND) throw new FallenBehindError(this.#behindSentence());
    if (ranges.length > 0) await this.filling.fillProcessed(this.options.consumer, ranges);
  }

  /** Applies the rest, which the consumer has not processed yet: it would take effect in the tables that are about to be replaced. */
  async #finish(): Promise<RebuildRecord> {
    const ranges = this.#unread(await this.#lags(), ({ end }) => end);
    if (ranges.length > 0) await this.filling.fill(ranges);
    return this.filling.record;
  }

  async #lags(): Promise<PartitionLag[]> {
    const { kafka, consumer, topics } = this.options;
    const lags = await consumerLag(kafka, consumer, topics);
    this.#behind = lags.reduce((sum, { lag }) => sum + Math.max(0, lag), 0);
    const done = lags.reduce((sum, lag) => sum + Number(this.#positionOf(lag) - lag.earliest), 0);
    this.#read = done;
    this.#total = done + size(this.#unread(lags, ({ position }) => position));
    return lags;
  }

  /** What the copy has not read before some offset of each partition. */
  #unread(lags: readonly PartitionLag[], until: (lag: PartitionLag) => bigint): OffsetRange[] {
    return lags.flatMap((lag) => {
      const { topic, partition, end } = lag;
      const from = this.#positionOf(lag);
      const to = until(lag) < end ? until(lag) : end;
      return from < to ? [{ topic, partition, from, to }] : [];
    });
  }

  #positionOf({ topic, partition, earliest }: PartitionLag): bigint {
    const position = BigInt(this.filling.record.positions[`${topic}/${partition}`] ?? 0);
    return position < earliest ? earliest : position;
  }

  #tell(phase: RebuildProgress['phase'], messages = 0): void {
    this.#read += messages;
    this.options.progress({ phase, read: this.#read, total: this.#total, behind: this.#behind });
  }

  #behindSentence(): string {
    const { consumer } = this.options;
    return `${consumer} is ${this.#behind} events behind its topics and does not catch up, and the copy must not get ahead of it. Start ${consumer}, or find out what stops it, and run this again; the copy stays.`;
  }
}

/** So much was published between the last look and the moment when the consumer stood still that it would stand still for too long. */
class FallenBehindError extends RebuildRefusal {
  override name = 'FallenBehindError';
}

function size(ranges: readonly OffsetRange[]): number {
  return ranges.reduce((sum, { from, to }) => sum + Number(to - from), 0);
}
