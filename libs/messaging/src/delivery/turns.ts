import type { Transaction } from '@past-tense/database';
import type { ProcessedEvents } from '@past-tense/dedup';
import type { Envelope } from '@past-tense/envelope';
import type { RetryTier } from '../queues';
import { letterId, type HeldEvent, type HeldEvents } from '../retry/held-events';
import {
  afterEarly,
  afterFailure,
  DEAD,
  died,
  onArrival,
  released,
  sentBack,
  SOURCE,
  type AfterDeath,
  type Arrival,
  type Held,
} from '../retry/ordered-retry';
import type { Reason } from './added-headers';
import type { EarlyEventError } from './failure';
import type { Message } from './message';
import { describeError } from './secrets';

export interface TurnOptions {
  readonly consumer: string;
  readonly processed: ProcessedEvents;
  readonly held: HeldEvents;
  readonly tiers: readonly RetryTier[];
  readonly afterDeath: AfterDeath;
  /** Milliseconds an event of a type waits for what it needs before that counts as a gap. */
  readonly earlyLimitMs: (eventType: string) => number;
  /** Events that may wait at once, dead letters not counted. */
  readonly maxHeld: number;
}

/** What a message's turn comes to. */
export type Turn =
  | { readonly kind: 'react'; readonly level: number; readonly looked: boolean }
  /** Its effects are there, or its live copy is elsewhere. */
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'behind' }
  /** It is held already; what is held of it goes its own way. */
  | { readonly kind: 'held' };

/** What is known about a failure when an event is moved. */
export interface Failure {
  readonly reason: Reason;
  readonly error: unknown;
  readonly attempts: number;
  readonly firstFailedAt: Date;
  readonly attemptTrace?: string | undefined;
}

/** As many events wait as may; another one must not. Nothing is wrong with it: it is delivered again until there is room. */
export class TooManyHeldError extends Error {
  override name = 'TooManyHeldError';
}

const takeAll = { name: 'take-events', text: 'SELECT event_id, verdict FROM take_events($1, $2, $3)' };
const take = { name: 'take-event', text: 'SELECT take_event($1, $2, $3, $4) AS verdict' };

/**
 * Puts the decisions of ordered-retry.ts into transactions. Whatever a delivery comes to is decided under the lock of its
 * aggregate and committed together with it.
 */
export class Turns {
  constructor(private readonly options: TurnOptions) {}

  /**
   * Begins a message's turn: takes the lock of its aggregate until the transaction ends and, if it is its turn and `claim` says
   * so, claims the event.
   * @throws OutsideDedupWindowError if the store cannot know whether the event was processed
   */
  async begin(transaction: Transaction, message: Message, envelope: Envelope, claim: boolean): Promise<Turn> {
    const { consumer, processed, held, afterDeath } = this.options;
    const { eventId, aggregateId } = envelope;
    processed.requireInWindow(eventId);
    const remembered = this.#remembered(message);
    if (message.from === SOURCE && remembered === processed) {
      const [row] = await transaction.query<{ verdict: 'taken' | 'done' | 'look' }>(take, [consumer, eventId, aggregateId, claim]);
      if (row!.verdict === 'taken') return { kind: 'react', level: 0, looked: false };
      if (row!.verdict === 'done') return { kind: 'duplicate' };
    } else {
      await held.lock(transaction, aggregateId);
    }
    const waiting = await held.ofAggregate(transaction, aggregateId);
    const done = await remembered.has(transaction, eventId);
    const verdict = onArrival(arrivalOf(message, envelope), done, waiting, afterDeath);
    if (verdict.kind === 'done') await held.forget(transaction, eventId);
    if (verdict.kind === 'behind')
      await this.#hold(transaction, message, envelope, verdict.held, { reason: 'BEHIND', before: mine(waiting, envelope) });
    if (verdict.kind === 'stale' && message.from === SOURCE) return { kind: message.replayed ? 'held' : 'duplicate' };
    if (verdict.kind !== 'react') return { kind: verdict.kind === 'behind' ? 'behind' : 'duplicate' };
    if (claim) await remembered.claim(transaction, eventId);
    return { kind: 'react', level: verdict.level, looked: true };
  }

  /**
   * Begins the turns of events of different aggregates, all that were delivered by their topics for the first time, and claims them.
   * @returns for each whether it is claimed, was processed before, or has to be looked at by itself: something of its aggregate is held
   * @throws OutsideDedupWindowError if the store cannot know of one of them whether it was processed
   */
  async takeAll(transaction: Transaction, envelopes: readonly Envelope[]): Promise<('taken' | 'done' | 'look')[]> {
    const { consumer, processed } = this.options;
    for (const { eventId } of envelopes) processed.requireInWindow(eventId);
    const rows = await transaction.query<{ event_id: string; verdict: 'taken' | 'done' | 'look' }>(takeAll, [
      consumer,
      envelopes.map(({ eventId }) => eventId),
      envelopes.map(({ aggregateId }) => aggregateId),
    ]);
    const verdicts = new Map(rows.map(({ event_id, verdict }) => [event_id, verdict]));
    return envelopes.map(({ eventId }) => verdicts.get(eventId)!);
  }

  /** Ends a turn whose reaction succeeded: what waited for this event goes on. */
  async succeed(transaction: Transaction, { eventId, aggregateId }: Envelope, { looked }: Turn & { kind: 'react' }): Promise<void> {
    if (!looked) return; // Nothing of it was held when its lock was taken, so nothing can wait for it.
    const { held } = this.options;
    await held.forget(transaction, eventId);
    await this.#release(transaction, aggregateId);
    for (const event of await held.waitingFor(transaction, aggregateId)) await this.#send(transaction, event, sentBack(event));
  }

  /**
   * Moves an event whose reaction has failed as often as it may to the next tier, or to the dead letters.
   * @returns where it went; undefined if it was no longer its turn
   */
  async fail(transaction: Transaction, message: Message, envelope: Envelope, failure: Failure): Promise<Held | undefined> {
    const waiting = await this.#look(transaction, message, envelope);
    if (!waiting) return undefined;
    const arrival = arrivalOf(message, envelope);
    const next = afterFailure(
      arrival,
      waiting,
      this.options.tiers.map(({ place }) => place),
    );
    const before = mine(waiting, envelope);
    const moved = failure.reason === 'FAILED' ? next : { ...next, place: DEAD };
    const firstFailedAt = before?.firstFailedAt ?? failure.firstFailedAt;
    await this.#hold(transaction, message, envelope, moved, { ...failure, firstFailedAt, before });
    if (moved.place === DEAD) await this.#release(transaction, envelope.aggregateId);
    return moved;
  }

  /** Takes the locks of two aggregates until the transaction ends. */
  async lockBoth(transaction: Transaction, aggregateId: string, other: string): Promise<void> {
    await this.options.held.lock(transaction, aggregateId, other);
  }

  /** Lets an event wait for something under another key. Call it with the locks of both aggregates held. */
  async waitFor(
    transaction: Transaction,
    message: Message,
    envelope: Envelope,
    { waitsFor }: EarlyEventError,
    failure: Failure,
  ): Promise<boolean> {
    const waiting = await this.#look(transaction, message, envelope);
    if (!waiting) return false;
    const held = afterEarly(arrivalOf(message, envelope), waiting);
    // Waiting again, after something else has come, does not prolong the wait.
    const before = mine(waiting, envelope);
    const since = (before?.reason === 'EARLY' ? before.firstFailedAt : null) ?? new Date();
    const dueAt = new Date(since.getTime() + this.options.earlyLimitMs(envelope.eventType));
    await this.#hold(transaction, message, envelope, held, { ...failure, firstFailedAt: since, waitsFor, dueAt, before });
    return true;
  }

  /** Gives up an event that has waited too long for what it needs. */
  async giveUp(
    transaction: Transaction,
    { id, aggregateId, waitsFor: missing }: { id: string; aggregateId: string; waitsFor: string },
  ): Promise<HeldEvent | undefined> {
    const { held } = this.options;
    await held.lock(transaction, aggregateId, missing); // What it waits for may be waking it right now.
    const event = (await held.ofAggregate(transaction, aggregateId)).find(
      ({ eventId, waitsFor }) => eventId === id && waitsFor === missing,
    );
    if (!event) return undefined;
    const dead: HeldEvent = { ...event, ...died(event), waitsFor: null, dueAt: null, reason: 'GAP', lastFailedAt: new Date() };
    await held.hold(transaction, dead);
    await this.#release(transaction, aggregateId);
    return dead;
  }

  /** Dead-letters a message that is not an event this consumer can read. Nobody waits behind it: it has no place in any order. */
  async bury(
    transaction: Transaction,
    message: Message,
    envelope: Envelope | undefined,
    { reason, error, attempts, firstFailedAt }: Failure,
  ): Promise<void> {
    const { held } = this.options;
    if (envelope && message.from !== SOURCE && !(await this.#unhold(transaction, message, envelope))) return;
    const [buried] = await held.byId(transaction, letterId(message));
    if (buried && message.from === SOURCE && buried.copy > message.copy) return; // A redelivery.
    await held.hold(transaction, {
      eventId: letterId(message),
      aggregateId: null,
      version: 0,
      place: DEAD,
      level: 0,
      copy: message.from === SOURCE ? message.copy + 1 : (buried?.copy ?? 0) + 1,
      waitsFor: null,
      dueAt: null,
      reason,
      eventType: envelope?.eventType ?? null,
      correlationId: envelope?.correlationId ?? null,
      traceparent: envelope?.traceparent ?? null,
      attempts,
      firstFailedAt,
      lastFailedAt: new Date(),
      ...describeError(error),
      message,
    });
  }

  /** What was processed, for the generation that the message is for. */
  #remembered({ replayed }: Message): ProcessedEvents {
    const { processed } = this.options;
    return replayed?.generation === undefined ? processed : processed.ofGeneration(replayed.generation);
  }

  /** Takes the lock; returns what is held of the aggregate, or undefined if it is not the message's turn any more. */
  async #look(transaction: Transaction, message: Message, envelope: Envelope): Promise<HeldEvent[] | undefined> {
    const { held, afterDeath } = this.options;
    await held.lock(transaction, envelope.aggregateId);
    const waiting = await held.ofAggregate(transaction, envelope.aggregateId);
    const done = await this.#remembered(message).has(transaction, envelope.eventId);
    const verdict = onArrival(arrivalOf(message, envelope), done, waiting, afterDeath);
    if (verdict.kind === 'done') await held.forget(transaction, envelope.eventId);
    if (verdict.kind === 'behind')
      await this.#hold(transaction, message, envelope, verdict.held, { reason: 'BEHIND', before: mine(waiting, envelope) });
    return verdict.kind === 'react' ? waiting : undefined;
  }

  /** Forgets that an event was held, should the message be its live copy; what waited for it goes on. */
  async #unhold(transaction: Transaction, message: Message, envelope: Envelope): Promise<boolean> {
    if (!(await this.#look(transaction, message, envelope))) return false;
    await this.options.held.forget(transaction, envelope.eventId);
    await this.#release(transaction, envelope.aggregateId);
    return true;
  }

  async #release(transaction: Transaction, aggregateId: string): Promise<void> {
    const { held, afterDeath } = this.options;
    const waiting = await held.ofAggregate(transaction, aggregateId);
    for (const free of released(waiting, afterDeath))
      await this.#send(
        transaction,
        waiting.find(({ eventId }) => eventId === free.eventId)!,
        free,
      );
  }

  async #send(transaction: Transaction, event: HeldEvent, to: Held): Promise<void> {
    await this.options.held.hold(transaction, { ...event, ...to, waitsFor: null, dueAt: null });
  }

  async #hold(
    transaction: Transaction,
    message: Message,
    envelope: Envelope,
    to: Held,
    { before, ...why }: { reason: Reason; before: HeldEvent | undefined; waitsFor?: string; dueAt?: Date } & Partial<Failure>,
  ): Promise<void> {
    if (!before && to.place !== DEAD) await this.#requireRoom(transaction);
    const tier = this.options.tiers.find(({ place }) => place === to.place);
    const error =
      why.error === undefined
        ? { errorClass: before?.errorClass ?? null, errorMessage: before?.errorMessage ?? null, errorStack: before?.errorStack ?? null }
        : describeError(why.error);
    await this.options.held.hold(
      transaction,
      {
        ...to,
        ...error,
        aggregateId: envelope.aggregateId,
        waitsFor: why.waitsFor ?? null,
        dueAt: why.dueAt ?? (tier ? new Date(Date.now() + tier.delayMs) : null),
        reason: why.reason,
        eventType: envelope.eventType,
        correlationId: envelope.correlationId,
        traceparent: envelope.traceparent,
        attempts: why.attempts ?? before?.attempts ?? message.attempts,
        firstFailedAt: why.firstFailedAt ?? before?.firstFailedAt ?? null,
        lastFailedAt: why.reason === 'BEHIND' ? (before?.lastFailedAt ?? null) : new Date(),
        message,
      },
      why.attemptTrace,
    );
  }

  async #requireRoom(transaction: Transaction): Promise<void> {
    const { maxHeld, consumer, held } = this.options;
    if ((await held.count(transaction, maxHeld)) < maxHeld) return;
    throw new TooManyHeldError(
      `${consumer} holds ${maxHeld} events that wait, which is as many as it may; look at its dead letters and retries (npm run dlq), or raise HELD_EVENTS_MAX`,
    );
  }
}

/** How an event is held now, if it is. */
function mine(waiting: readonly HeldEvent[], { eventId }: Envelope): HeldEvent | undefined {
  return waiting.find((held) => held.eventId === eventId);
}

function arrivalOf({ from, copy }: Message, { eventId, aggregateVersion }: Envelope): Arrival {
  return { eventId, version: aggregateVersion, from, copy };
}
