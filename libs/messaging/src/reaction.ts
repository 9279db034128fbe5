import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Transaction } from '@past-tense/database';
import type { Envelope } from '@past-tense/envelope';

/** A fact as a consumer gets it: the envelope and the decoded, validated payload. */
export interface Event<T> extends Envelope {
  readonly data: T;
}

/**
 * What a service does when a fact reaches it. The effects happen exactly once: the transaction also holds the claim on the
 * event, so both are committed or neither. Throwing rolls both back and the event is tried again.
 */
export interface Reaction<T> {
  react(event: Event<T>, transaction: Transaction): Promise<void>;
}

/**
 * A reaction that can also do for many events at once, in a statement or two, what it does for each. Under backlog it is given up to fifty events of
 * different aggregates that were claimed in one transaction. The outcome must be that of `react` for each; nothing can be recorded in the outbox there,
 * because it would belong to no flow.
 */
export interface BatchReaction<T> extends Reaction<T> {
  reactToAll(events: readonly Event<T>[], transaction: Transaction): Promise<void>;
}

/**
 * A reaction that calls someone outside. A crash between any two steps is repaired by redelivery, which takes all of them
 * again: the intent must carry a deterministic idempotency key, so that the other side recognises the second call.
 */
export interface OutsideReaction<T, Intent, Outcome> {
  /** Records what is about to be asked; its own transaction. Returns undefined if there is nothing to ask. */
  intend(event: Event<T>, transaction: Transaction): Promise<Intent | undefined>;
  /** Asks, outside of any transaction. */
  call(intent: Intent): Promise<Outcome>;
  /** Records the answer; the transaction also holds the claim on the event. */
  record(event: Event<T>, outcome: Outcome, transaction: Transaction): Promise<void>;
}

/**
 * What a reaction adds so that a new version of its event can be done in shadow of the old one: done as well, compared with it, and taken back.
 * Outside reactions are done as far as their intent.
 */
export interface Shadowed<T> {
  /** What came of the event, without what differs from time to time, such as new ids and the moment. Undefined if nothing. */
  outcome(event: Event<T>, transaction: Transaction): Promise<unknown>;
  /** Takes away what came of the event, so that it can be done again. Called only where all of it is taken back afterwards. */
  undo(event: Event<T>, transaction: Transaction): Promise<void>;
}

/**
 * What a reaction adds that reads personal data of its event: what it does instead when the person was forgotten, and nobody can read that any more.
 * Without it the service does not start.
 */
export interface Forgetful<T> {
  /** The personal fields of the event are sealed for good. Runs in place of all other steps, in the transaction that holds the claim on the event. */
  reactToForgotten(event: Event<T>, transaction: Transaction): Promise<void>;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what an intent and an outcome are is between the reaction's own steps
export type AnyReaction<T> = Reaction<T> | OutsideReaction<T, any, any>;

export interface ReactionClass<T> {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- constructor parameters of any kind are injected
  new (...dependencies: any[]): AnyReaction<T>;
  /**
   * Milliseconds an early event waits for what it needs before that counts as a gap; the consumer's own limit, if left out. Longer where what is
   * waited for is known to be on its way and may take as long as somebody else's outage. A static property, so that it is known before the
   * service starts: what the contract declares as `holds_days` must cover it.
   */
  readonly patienceMs?: number;
}

const REACTS_TO = Symbol('reacts to');

/** Names the events a reaction class reacts to; nearly always one. */
export function ReactsTo<Ds extends readonly DescMessage[]>(...events: Ds) {
  return (target: ReactionClass<MessageShape<Ds[number]>>): void => {
    Object.defineProperty(target, REACTS_TO, { value: events });
  };
}

/**
 * The events a reaction class reacts to.
 * @throws Error if it does not say
 */
export function eventsOf(reaction: Function): readonly DescMessage[] {
  const events = (reaction as unknown as Record<symbol, DescMessage[] | undefined>)[REACTS_TO];
  if (!events?.length) throw new Error(`${reaction.name} does not say what it reacts to; put @ReactsTo(<event>) above it.`);
  return events;
}

/**
 * How long an early event of a type may wait: for as long as the class of its reaction declares, or otherwise for the consumer's limit.
 * @param limitMs that limit, milliseconds
 */
export function patienceOf(reactions: ReadonlyMap<DescMessage, AnyReaction<never>>, limitMs: number): (eventType: string) => number {
  const declared = new Map(
    [...reactions].map(([event, reaction]) => [event.typeName, (reaction.constructor as ReactionClass<never>).patienceMs]),
  );
  return (eventType) => declared.get(eventType) ?? limitMs;
}

/** Whether a reaction can do its work for many events at once. */
export function reactsToAll<T>(reaction: AnyReaction<T>): reaction is BatchReaction<T> {
  return 'reactToAll' in reaction;
}

/** Whether a reaction knows what to do about somebody who was forgotten. */
export function isForgetful<T>(reaction: AnyReaction<T>): reaction is AnyReaction<T> & Forgetful<T> {
  return 'reactToForgotten' in reaction;
}

/** Whether a reaction does all its work in one transaction, calling nobody outside. */
export function staysInside<T>(reaction: AnyReaction<T>): reaction is Reaction<T> {
  return 'react' in reaction;
}
