import type { Transaction } from '@past-tense/database';
import { inFlow } from '@past-tense/telemetry';
import { describeError } from '../delivery/secrets';
import { classify, type EarlyEventError } from '../delivery/failure';
import type { Event, Reaction } from '../reaction';
import type { HeldEvents } from '../retry/held-events';
import { BEHIND, EARLY } from '../retry/ordered-retry';
import type { Candidate, Candidates } from './candidates';
import type { FailedMessage } from './rebuilds';

/** An event and the message that it came in. */
export type ReadableCandidate = Candidate & { readonly read: Event<never> };

/** What became of an event. */
export type Effect = 'applied' | 'duplicates' | 'failed' | 'waits';

/** Told what became of an event; of one that failed, with the error. */
export type Tell = (effect: Effect, eventId: string, failure?: FailedMessage) => void;

const claimAll = {
  name: 'rebuild-claim',
  text: 'INSERT INTO processed_events (consumer, event_id) SELECT $1, unnest($2::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id AS id',
};
const touched = {
  name: 'rebuild-touched',
  text: 'SELECT 1 AS found FROM held_events WHERE consumer = $1 AND (aggregate_id = ANY($2) OR waits_for = ANY($2)) LIMIT 1',
};
const waiting = { name: 'rebuild-waiting', text: 'SELECT count(*)::int AS events FROM held_events WHERE consumer = $1' };

/**
 * Applies events to a copy, in the transaction it is given: each once, in order. What comes too early waits in the copy, and later events of its
 * aggregate behind it, as they wait in what serves.
 */
export class Steps {
  readonly #reactions: ReadonlyMap<string, Reaction<never>>;

  constructor(
    private readonly consumer: string,
    reactions: Iterable<readonly [string, Reaction<never>]>,
    private readonly candidates: Candidates,
    private readonly held: HeldEvents,
  ) {
    this.#reactions = new Map(reactions);
  }

  /** How many events wait in the copy. */
  async waiting(transaction: Transaction): Promise<number> {
    return (await transaction.query<{ events: number }>(waiting, [this.consumer]))[0]!.events;
  }

  /** Whether something waits that has to do with one of these events. */
  async touchesWaiting(transaction: Transaction, events: readonly ReadableCandidate[]): Promise<boolean> {
    const aggregateIds = [...new Set(events.map(({ read }) => read.aggregateId))];
    return (await transaction.query(touched, [this.consumer, aggregateIds])).length > 0;
  }

  /**
   * Applies events of which none fails, none is early and none has to do with one that waits.
   * @throws what the first reaction throws; nothing is to be kept then
   */
  async applyAll(transaction: Transaction, events: readonly ReadableCandidate[], tell: Tell): Promise<void> {
    const ids = events.map(({ read }) => read.eventId);
    const claimed = new Set((await transaction.query<{ id: string }>(claimAll, [this.consumer, ids])).map(({ id }) => id));
    for (const { read } of events) {
      // The second time it is no longer among them.
      const mine = claimed.delete(read.eventId);
      if (mine) await this.#react(transaction, read);
      tell(mine ? 'applied' : 'duplicates', read.eventId);
    }
  }

  /**
   * Applies an event whatever becomes of it: one that fails has no effect, one that is early waits. What waited for it goes on.
   * @throws only what has nothing to do with the event, such as a conflict or a database that is away
   */
  async apply(transaction: Transaction, event: ReadableCandidate, tell: Tell): Promise<void> {
    const { aggregateId, aggregateVersion, eventId } = event.read;
    const waiting = await this.held.ofAggregate(transaction, aggregateId);
    if (waiting.some((other) => other.eventId === eventId)) return tell('duplicates', eventId);
    if (waiting.some(({ version }) => version < aggregateVersion)) {
      await this.#hold(transaction, event);
      return tell('waits', eventId);
    }
    const effect = await this.#try(transaction, event, tell);
    if (effect === 'duplicates' || effect === 'waits') return;
    const waking = await this.held.waitingFor(transaction, aggregateId);
    const woken = [...(waiting.length > 0 ? [aggregateId] : []), ...waking.map((other) => other.aggregateId!)];
    for (const other of new Set(woken)) await this.#tryAgain(transaction, other, tell);
  }

  /** Tries what waits of an aggregate once more, in order; what is still early waits again, and the rest behind it. */
  async #tryAgain(transaction: Transaction, aggregateId: string, tell: Tell): Promise<void> {
    const waiting = await this.held.ofAggregate(transaction, aggregateId);
    for (const { eventId } of waiting) await this.held.forget(transaction, eventId);
    for (const { message } of waiting) {
      const candidate = this.candidates.of({ ...message.origin, ...message });
      // It could be read when it was kept, so it can be read now.
      await this.apply(transaction, candidate as ReadableCandidate, tell);
    }
  }

  async #try(transaction: Transaction, event: ReadableCandidate, tell: Tell): Promise<Effect> {
    try {
      const effect = await transaction.attempt(async () => {
        const [claimed] = await transaction.query(claimAll, [this.consumer, [event.read.eventId]]);
        if (claimed) await this.#react(transaction, event.read);
        return claimed ? 'applied' : 'duplicates';
      });
      tell(effect, event.read.eventId);
      return effect;
    } catch (error) {
      const kind = classify(error);
      if (kind === 'conflict' || kind === 'unavailable') throw error;
      if (kind === 'early') await this.#hold(transaction, event, (error as EarlyEventError).waitsFor);
      const effect = kind === 'early' ? 'waits' : 'failed';
      tell(effect, event.read.eventId, effect === 'failed' ? failureOf('failed', event, error) : undefined);
      return effect;
    }
  }

  async #react(transaction: Transaction, event: Event<never>): Promise<void> {
    const { correlationId, eventId } = event;
    const reaction = this.#reactions.get(event.eventType)!;
    await inFlow({ correlationId, causationId: eventId, eventId }, () => reaction.react(event, transaction));
  }

  /** @param waitsFor id of the aggregate whose fact must come first; left out for one that waits behind another of its own aggregate */
  async #hold(transaction: Transaction, { message, read }: ReadableCandidate, waitsFor: string | null = null): Promise<void> {
    await this.held.hold(transaction, {
      eventId: read.eventId,
      aggregateId: read.aggregateId,
      version: read.aggregateVersion,
      place: waitsFor === null ? BEHIND : EARLY,
      level: 0,
      copy: 1,
      waitsFor,
      dueAt: null,
      reason: waitsFor === null ? 'BEHIND' : 'EARLY',
      eventType: read.eventType,
      correlationId: read.correlationId,
      traceparent: read.traceparent,
      attempts: 0,
      firstFailedAt: null,
      lastFailedAt: null,
      errorClass: null,
      errorMessage: null,
      errorStack: null,
      message,
    });
  }
}

/** What is kept of a message that has no effect. */
export function failureOf(kind: FailedMessage['kind'], { message, read }: Candidate, error: unknown): FailedMessage {
  const { errorClass, errorMessage } = describeError(error);
  const event = typeof read === 'object' && 'eventId' in read ? { eventId: read.eventId, eventType: read.eventType } : {};
  return { kind, ...message.origin, ...event, error: `${errorClass}: ${errorMessage}` };
}
