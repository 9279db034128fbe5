import { isConflict, type Database, type Transaction } from '@past-tense/database';
import type { Logger } from '@past-tense/telemetry';
import { classify } from '../delivery/failure';
import type { OffsetRange, OrderedReader } from '../kafka/ordered-reader';
import type { Candidate, Candidates } from './candidates';
import { saveStep, type FailedMessage, type RebuildCounts, type RebuildRecord } from './rebuilds';
import { RebuildRefusal } from './refusal';
import { quoted } from './sql';
import { failureOf, type Effect, type ReadableCandidate, type Steps } from './steps';

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

type Tally = { -readonly [Name in keyof RebuildCounts]: RebuildCounts[Name] };

const MAX_FAILURES_KEPT = 20;
const MAX_CONFLICTS = 10;

/**
 * Fills a copy, some hundred messages in a transaction, which also holds how far it has got: a process that is killed at any moment goes on exactly
 * there.
 */
export class Filling {
  #record: RebuildRecord;
  /** Events that wait in the copy; while there are none, nobody has to look for them. */
  #waiting: number | undefined;

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
      await this.#step(batch, undefined);
      this.options.progress(batch.length);
    }
    await this.#pass(ranges);
  }

  /**
   * Applies what the consumer has processed in parts of topics, and nothing else. The copy's positions stay: what is left out comes later.
   * @returns how many events took effect
   */
  async fillProcessed(consumer: string, ranges: readonly OffsetRange[]): Promise<number> {
    let applied = 0;
    for await (const batch of this.options.candidates.in(this.options.reader.read(ranges))) applied += await this.#step(batch, consumer);
    return applied;
  }

  /**
   * One transaction. Should an event throw, it is done once more, with each event on its own.
   * @param processedBy the consumer, if only what it has processed counts
   * @returns how many events took effect
   */
  async #step(batch: readonly Candidate[], processedBy: string | undefined): Promise<number> {
    const once = async (alone: boolean) =>
      await this.options.copy.transaction((transaction) => this.#apply(transaction, batch, processedBy, alone));
    for (let conflicts = 0, alone = false; ;) {
      try {
        const { record, waiting, applied } = await once(alone);
        this.#record = record;
        this.#waiting = waiting;
        return applied;
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

  async #apply(transaction: Transaction, batch: readonly Candidate[], processedBy: string | undefined, alone: boolean) {
    const { steps, serving } = this.options;
    // A crash of PostgreSQL may take back the last steps whole; they are done again.
    await transaction.entities.query('SET LOCAL synchronous_commit = off');
    const counts: Tally = { ...this.#record.counts };
    const failures: FailedMessage[] = [...this.#record.failures];
    const tell = (effect: Effect, failure?: FailedMessage) => {
      if (effect !== 'waits') counts[effect] += 1;
      if (failure && failures.length < MAX_FAILURES_KEPT) failures.push(failure);
    };
    const readable: ReadableCandidate[] = [];
    for (const candidate of batch) {
      if (candidate.read === 'left') counts.left += 1;
      else if (!(candidate.read instanceof Error)) readable.push(candidate as ReadableCandidate);
      else {
        counts.invalid += 1;
        if (failures.length < MAX_FAILURES_KEPT) failures.push(failureOf('invalid', candidate, candidate.read));
      }
    }
    const { events, discarded } = await this.#wanted(transaction, readable, processedBy);
    counts.discarded += discarded;
    const before = counts.applied;
    let waiting = this.#waiting ?? (await steps.waiting(transaction));
    if (!alone && (waiting === 0 || !(await steps.touchesWaiting(transaction, events)))) await steps.applyAll(transaction, events, tell);
    else {
      for (const event of events) await steps.apply(transaction, event, tell);
      waiting = await steps.waiting(transaction);
    }
    const applied = counts.applied - before;
    // What is applied ahead of the positions is met again, and counted, when they get there.
    if (processedBy !== undefined) return { record: this.#record, waiting, applied };
    const record = { ...this.#record, counts, failures, positions: { ...this.#record.positions, ...positionsAfter(batch) } };
    await saveStep(transaction, serving, record);
    return { record: { ...record, steps: record.steps + 1 }, waiting, applied };
  }

  /** The events that are to take effect: not those that a person has given up; and only those the consumer has processed, if that is wanted. */
  async #wanted(
    transaction: Transaction,
    events: readonly ReadableCandidate[],
    processedBy: string | undefined,
  ): Promise<{ events: readonly ReadableCandidate[]; discarded: number }> {
    const schema = quoted(this.options.serving);
    const ids = events.map(({ read }) => read.eventId);
    const given = await transaction.query<{ id: string }>(
      {
        name: 'rebuild-discarded',
        text: `SELECT letter_id AS id FROM ${schema}.dead_letter_actions WHERE consumer = $1 AND action = 'discard' AND letter_id = ANY($2)`,
      },
      [this.#record.consumer, ids],
    );
    const discarded = new Set(given.map(({ id }) => id));
    const wanted = events.filter(({ read }) => !discarded.has(read.eventId));
    const count = events.length - wanted.length;
    if (processedBy === undefined) return { events: wanted, discarded: count };
    const rows = await transaction.query<{ id: string }>(
      {
        name: 'rebuild-processed',
        text: `SELECT event_id AS id FROM ${schema}.processed_events WHERE consumer = $1 AND event_id = ANY($2::uuid[])`,
      },
      [processedBy, ids],
    );
    const processed = new Set(rows.map(({ id }) => id));
    return { events: wanted.filter(({ read }) => processed.has(read.eventId)), discarded: count };
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

/** The offset after the last message of each partition. */
function positionsAfter(batch: readonly Candidate[]): Record<string, string> {
  return Object.fromEntries(
    batch.map(({ message: { origin } }) => [`${origin.topic}/${origin.partition}`, String(BigInt(origin.offset) + 1n)]),
  );
}
