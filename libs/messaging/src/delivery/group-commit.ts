import { context, SpanKind, trace } from '@opentelemetry/api';
import type { Database, Transaction } from '@past-tense/database';
import { inSpan } from '@past-tense/telemetry';
import { AsyncResource } from 'node:async_hooks';
import { reactsToAll, type AnyReaction, type Event } from '../reaction';
import type { ReplayResults } from '../replay/results';
import type { Result } from './attempt';
import type { Figures } from './figures';
import type { Message } from './message';
import { Slots } from './slots';
import type { Turns } from './turns';

/** An event whose effects are to be committed. */
export interface Committing {
  readonly message: Message;
  readonly event: Event<never>;
  readonly reaction: AnyReaction<never>;
  /** The effects. */
  readonly work: (transaction: Transaction) => Promise<void>;
  /** Whether it may still be begun, asked just before. */
  readonly mayBegin: () => boolean;
  /** Commits them in a transaction of their own, if it is the event's turn. */
  readonly alone: (work: Committing['work']) => Promise<Result>;
}

interface Waiting extends Committing {
  /** Runs something where the event came from: in its flow and its trace. */
  readonly inContext: <T>(work: () => T) => T;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitOptions {
  readonly database: Database;
  readonly turns: Turns;
  readonly figures: Figures;
  readonly results: ReplayResults;
  /** Events that may share a transaction; 1 for none. */
  readonly most: number;
  /** Transactions at once, at most. */
  readonly concurrency: number;
}

/** While one group waits for the disk the other one works; more would only make the groups smaller. */
const GROUPS_AT_ONCE = 2;
/** A group that takes longer waits for somebody. Others must not wait with it, so nobody joins a group until it is over. */
const SLOW_MS = 100;

/**
 * Commits the effects of events that wait at the same moment in one transaction: a commit and the claims cost as much for fifty events as for
 * one. Who finds nobody waiting has a transaction of its own, at once. Events of a group are of different aggregates, so nothing is decided about
 * their order; should one of them fail, nothing of the group is kept, and each is done again by itself.
 */
export class GroupCommit {
  readonly #waiting: Waiting[] = [];
  readonly #alone: Slots;
  readonly #outside = new AsyncResource('past-tense.group');
  /** Events in the next group at most; fewer after a failure. */
  #limit: number;
  /** How long the work of an event takes, milliseconds. */
  #workMs: number | undefined;
  /** How long everything else about a transaction takes: its begin, the claims and the commit. Milliseconds. */
  #restMs: number | undefined;
  #open = 0;
  /** Those of them that have been open for long. */
  #slow = 0;

  constructor(private readonly options: GroupCommitOptions) {
    this.#alone = new Slots(options.concurrency);
    this.#limit = options.most;
  }

  /**
   * Commits the effects of an event, alone or with others.
   * @returns `not-begun` if it must not be begun any more when its turn has come
   * @throws what the event's own work throws, or the database
   */
  async commit(committing: Committing): Promise<Result> {
    if (this.options.most === 1) return await committing.alone(committing.work);
    const origin = new AsyncResource('past-tense.commit');
    const inContext = <T>(work: () => T) => origin.runInAsyncScope(work);
    return await new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ ...committing, inContext, resolve, reject });
      this.#begin();
    });
  }

  /**
   * Whether a group is worth its while: its events are worked on one after the other, so where the work takes longer than what is saved, more is won
   * by working on several events side by side.
   */
  get #pays(): boolean {
    return this.#workMs !== undefined && this.#workMs < this.#restMs!;
  }

  #begin(): void {
    const { concurrency } = this.options;
    while (this.#waiting.length > 0 && this.#open < concurrency) {
      const most = this.#pays && this.#slow === 0 ? this.#limit : 1;
      if (most > 1 && this.#open >= GROUPS_AT_ONCE) return;
      const group = this.#nextGroup(most);
      if (group.length === 0) return;
      this.#open += 1;
      this.#outside.runInAsyncScope(() => void this.#settle(group));
    }
  }

  /** Those that have waited longest, at most one of each aggregate; none, if what waited is not to be begun any more. */
  #nextGroup(most: number): Waiting[] {
    const group: Waiting[] = [];
    const aggregates = new Set<string>();
    for (let i = 0; i < this.#waiting.length && group.length < most;) {
      const { event, mayBegin, resolve } = this.#waiting[i]!;
      const { aggregateId } = event;
      if (!mayBegin()) {
        this.#waiting.splice(i, 1);
        resolve('not-begun');
      } else if (aggregates.has(aggregateId)) i += 1;
      else {
        aggregates.add(aggregateId);
        group.push(...this.#waiting.splice(i, 1));
      }
    }
    return group;
  }

  /** Never throws: every event of the group learns what came of it. */
  async #settle(group: readonly Waiting[]): Promise<void> {
    let slow = false;
    const timer = setTimeout(() => {
      slow = true;
      this.#slow += 1;
      this.#begin();
    }, SLOW_MS);
    const done = group.length > 1 && (await this.#together(group));
    if (!done) await Promise.all(group.map((one) => this.#settleAlone(one)));
    clearTimeout(timer);
    if (slow) this.#slow -= 1;
    this.#limit = done || group.length === 1 ? Math.min(this.options.most, this.#limit + group.length) : Math.ceil(group.length / 2);
    this.#open -= 1;
    this.#begin();
  }

  async #settleAlone({ inContext, mayBegin, alone, work, resolve, reject }: Waiting): Promise<void> {
    try {
      const timed = () => this.#timed((working) => inContext(() => alone((transaction) => working(1, () => work(transaction)))));
      resolve(await this.#alone.run(async () => (mayBegin() ? await timed() : 'not-begun')));
    } catch (error) {
      reject(error);
    }
  }

  /** Returns false if nothing of it is kept. */
  async #together(group: readonly Waiting[]): Promise<boolean> {
    const { database, turns, figures } = this.options;
    let verdicts: readonly ('taken' | 'done' | 'look')[] = [];
    try {
      await this.#timed((working) =>
        database.transaction(async (transaction) => {
          const startedAt = performance.now();
          const events = group.map(({ event }) => event);
          verdicts = await turns.takeAll(transaction, events);
          for (const _ of events) figures.claimed((performance.now() - startedAt) / 1_000);
          const taken = group.filter((_, i) => verdicts[i] === 'taken');
          await working(taken.length, () => this.#workAll(transaction, taken));
        }),
      );
    } catch {
      return false; // What is wrong shows when each is done by itself.
    }
    const apart: Promise<void>[] = [];
    for (const [i, one] of group.entries()) {
      if (verdicts[i] === 'look') apart.push(this.#settleAlone(one));
      else one.resolve(verdicts[i] === 'taken' ? 'applied' : 'duplicate');
    }
    await Promise.all(apart);
    return true;
  }

  /** Runs a transaction and notes how long it took, without the work and with it. */
  async #timed<T>(transact: (working: (events: number, work: () => Promise<void>) => Promise<void>) => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    let worked: { events: number; ms: number } | undefined;
    const result = await transact(async (events, work) => {
      const workStartedAt = performance.now();
      await work();
      worked = { events, ms: performance.now() - workStartedAt };
    });
    if (worked && worked.events > 0) {
      this.#workMs = recent(this.#workMs, worked.ms / worked.events);
      this.#restMs = recent(this.#restMs, performance.now() - startedAt - worked.ms);
    }
    return result;
  }

  async #workAll(transaction: Transaction, taken: readonly Waiting[]): Promise<void> {
    const done = new Set<Waiting>();
    for (const one of taken) {
      if (done.has(one)) continue;
      const { reaction } = one;
      const same = reactsToAll(reaction) ? taken.filter((other) => other.reaction === reaction) : [one];
      for (const other of same) done.add(other);
      const events = same.map(({ event }) => event);
      // What is done for several events at once belongs to no single flow.
      const work = reactsToAll(reaction)
        ? () => this.#outside.runInAsyncScope(() => reaction.reactToAll(events, transaction))
        : () => one.work(transaction);
      const inTraces =
        (inner: () => Promise<void>, { inContext }: Waiting) =>
        () =>
          inContext(() => inTransactionSpan(taken.length, inner));
      await same.reduce(inTraces, work)();
      for (const { message } of same) if (message.replayed) await this.options.results.applied(transaction, message);
    }
  }
}

/** A mean in which what was measured last counts most. */
const recent = (before: number | undefined, now: number) => (before === undefined ? now : before + (now - before) / 10);

/** In the trace of each event its part of the transaction is what a transaction of its own would be. */
async function inTransactionSpan(events: number, work: () => Promise<void>): Promise<void> {
  if (!trace.getActiveSpan()) return await work();
  const attributes = { 'db.system.name': 'postgresql', 'past_tense.transaction.events': events };
  await inSpan('transaction', { kind: SpanKind.CLIENT, attributes }, context.active(), work);
}
