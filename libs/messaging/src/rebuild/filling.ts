import { isConflict, type Database, type Transaction } from '@past-tense/database';
import type { Logger } from '@past-tense/telemetry';
import { classify } from '../delivery/failure';
import type { OffsetRange, OrderedReader } from '../kafka/ordered-reader';
import type { Candidate, Candidates } from './candidates';
import { saveStep, type RebuildRecord } from './rebuilds';
import { RebuildRefusal } from './refusal';
import { quoted } from './sql';
import type { ReadableCandidate, Steps } from './steps';
import { Tally } from './tally';

export interface FillingOptions {
  readonly record: RebuildRecord;
  /** The database, with the copy's schema. */
  readonly copy: Database;
  /** The schema where the consumer's own tables are. */
  readonly serving: string;
  readonly reader: OrderedReader;
  readonly candidates: Candidates;
  readonly steps: Steps;
  /** Told after each step how many messages were read in it. */
  readonly progress: (messages: number) => void;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

const MAX_CONFLICTS = 10;

/**
 * Fills a copy, some hundred messages in a transaction, which also holds how far it has got: a process that is killed at any moment goes on exactly
 * there.
 */
export class Filling {
  #record: RebuildRecord;
  /** Events that wait in the copy; while there are none, nobody has to look for them. */
  #waiting: number | undefined;
  /** Events that were applied ahead of the positions, and not met there yet. */
  readonly #ahead = new Set<string>();

  constructor(private readonly options: FillingOptions) {
    this.#record = options.record;
  }

  /** How far the copy has got. */
  get record(): RebuildRecord {
    return this.#record;
  }

  /** Events that came too early, or behind one of those, and wait in the copy for what must come first. */
  get waiting(): number {
    return this.#waiting ?? 0;
  }

  /**
   * Applies everything in parts of topics.
   * @throws RebuildRefusal if it is told to stop, or another process works on the same copy
   */
  async fill(ranges: readonly OffsetRange[]): Promise<void> {
    for await (const batch of this.options.candidates.in(this.options.reader.read(ranges))) {
      this.options.signal.throwIfAborted();
      await this.#step(batch);
      this.options.progress(batch.length);
    }
    await this.#pass(ranges);
  }

  /** Applies what the consumer has processed in parts of topics, and nothing else. The copy's positions stay: what is left out comes later. */
  async fillProcessed(consumer: string, ranges: readonly OffsetRange[]): Promise<void> {
    for await (const batch of this.options.candidates.in(this.options.reader.read(ranges))) await this.#step(batch, consumer);
  }

  /**
   * One transaction. Should an event throw, it is done once more, with each event on its own.
   * @param processedBy the consumer, if only what it has processed counts
   */
  async #step(batch: readonly Candidate[], processedBy?: string): Promise<void> {
    for (let conflicts = 0, alone = false; ;) {
      try {
        const { record, waiting, tally } = await this.options.copy.transaction((transaction) =>
          this.#apply(transaction, batch, { alone, processedBy }),
        );
        this.#record = record;
        this.#waiting = waiting;
        for (const eventId of tally.met) this.#ahead.delete(eventId);
        if (processedBy !== undefined) for (const eventId of tally.applied) this.#ahead.add(eventId);
        return;
      } catch (error) {
        if (error instanceof RebuildRefusal || classify(error) === 'unavailable') throw error;
        if (isConflict(error)) {
          if ((conflicts += 1) > MAX_CONFLICTS) throw error;
        } else if (alone) throw error;
        else {
          this.options.logger.debug({ err: error }, 'a batch failed; its events are applied one by one');
          alone = true;
        }
      }
    }
  }

  async #apply(
    transaction: Transaction,
    batch: readonly Candidate[],
    { alone, processedBy }: { alone: boolean; processedBy: string | undefined },
  ): Promise<{ record: RebuildRecord; waiting: number; tally: Tally }> {
    const { steps, serving } = this.options;
    // A crash of PostgreSQL may take back the last steps whole; they are done again.
    await transaction.entities.query('SET LOCAL synchronous_commit = off');
    const tally = new Tally(this.#record, this.#ahead);
    const readable: ReadableCandidate[] = [];
    for (const candidate of batch) {
      if (candidate.read === 'left') tally.left();
      else if (candidate.read instanceof Error) tally.invalid(candidate, candidate.read);
      else readable.push(candidate as ReadableCandidate);
    }
    const kept = await this.#withoutDiscarded(transaction, readable);
    tally.discarded(readable.length - kept.length);
    const events = processedBy === undefined ? kept : await this.#processed(transaction, kept, processedBy);
    let waiting = this.#waiting ?? (await steps.waiting(transaction));
    if (!alone && (waiting === 0 || !(await steps.touchesWaiting(transaction, events))))
      await steps.applyAll(transaction, events, tally.tell);
    else {
      for (const event of events) await steps.apply(transaction, event, tally.tell);
      waiting = await steps.waiting(transaction);
    }
    // What is applied ahead of the positions is met again, and counted, when they get there.
    if (processedBy !== undefined) return { record: this.#record, waiting, tally };
    const { counts, failures } = tally;
    const record = { ...this.#record, counts, failures, positions: { ...this.#record.positions, ...positionsAfter(batch) } };
    await saveStep(transaction, serving, record);
    return { record: { ...record, steps: record.steps + 1 }, waiting, tally };
  }

  /** Without dead letters that a person has given up: the consumer never handles those. */
  async #withoutDiscarded(transaction: Transaction, events: readonly ReadableCandidate[]): Promise<readonly ReadableCandidate[]> {
    const discarded = {
      name: 'rebuild-discarded',
      text: `SELECT letter_id AS id FROM ${quoted(this.options.serving)}.dead_letter_actions
             WHERE consumer = $1 AND action = 'discard' AND letter_id = ANY($2)`,
    };
    const rows = await transaction.query<{ id: string }>(discarded, [this.#record.consumer, idsOf(events)]);
    const ids = new Set(rows.map(({ id }) => id));
    return ids.size === 0 ? events : events.filter(({ read }) => !ids.has(read.eventId));
  }

  async #processed(
    transaction: Transaction,
    events: readonly ReadableCandidate[],
    consumer: string,
  ): Promise<readonly ReadableCandidate[]> {
    const processed = {
      name: 'rebuild-processed',
      text: `SELECT event_id AS id FROM ${quoted(this.options.serving)}.processed_events WHERE consumer = $1 AND event_id = ANY($2::uuid[])`,
    };
    const rows = await transaction.query<{ id: string }>(processed, [consumer, idsOf(events)]);
    const ids = new Set(rows.map(({ id }) => id));
    return events.filter(({ read }) => ids.has(read.eventId));
  }

  /** Moves the positions past parts that were read to their ends: what was deleted there, or never was an event, is not looked for again. */
  async #pass(ranges: readonly OffsetRange[]): Promise<void> {
    const positions = { ...this.#record.positions };
    for (const { topic, partition, to } of ranges) positions[`${topic}/${partition}`] = String(to);
    const record = { ...this.#record, positions };
    await this.options.copy.transaction((transaction) => saveStep(transaction, this.options.serving, record));
    this.#record = { ...record, steps: record.steps + 1 };
  }
}

const idsOf = (events: readonly ReadableCandidate[]) => events.map(({ read }) => read.eventId);

/** The offset after the last message of each partition. */
function positionsAfter(batch: readonly Candidate[]): Record<string, string> {
  return Object.fromEntries(
    batch.map(({ message: { origin } }) => [`${origin.topic}/${origin.partition}`, String(BigInt(origin.offset) + 1n)]),
  );
}
