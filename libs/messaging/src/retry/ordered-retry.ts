// Order under retry. While an event of an aggregate waits, later versions of that aggregate wait behind it, for that consumer;
// other aggregates flow on, and an earlier version that comes late goes first. These functions decide; they touch nothing.
// Whoever calls them holds the lock of the aggregate and puts the decision into the same transaction. ordered-retry.spec.ts
// drives them through every interleaving of failures, crashes, duplicates and re-drives. docs/ordered-retry.md explains.

/** Where a held event waits: in a retry tier (by the tier's name), or in one of these. */
export type Place = string;

/** In the database, behind an earlier version of its aggregate. */
export const BEHIND = 'behind';
/** In the database, for something under another key that has not happened yet. */
export const EARLY = 'early';
/** On its way back, without a delay. */
export const REDRIVE = 'redrive';
/** On the dead-letter topic, for a person to look at. */
export const DEAD = 'dlq';

/** Where an event that is delivered for the first time comes from. */
export const SOURCE = 'source';

/** What the later versions of an aggregate do when one of its events is dead: wait for a person, or go on without it. */
export type AfterDeath = 'hold' | 'skip';

/** An event that waits. */
export interface Held {
  readonly eventId: string;
  readonly version: number;
  readonly place: Place;
  /** How many tiers it has used up. */
  readonly level: number;
  /** How often it has been moved; only the message of the last move is live, every other one is stale. */
  readonly copy: number;
}

/** A message that was delivered. */
export interface Arrival {
  readonly eventId: string;
  readonly version: number;
  readonly from: Place;
  /** The move that put it there; 0 on its source topic. */
  readonly copy: number;
}

export type Verdict =
  /** Its effects are there already. */
  | { readonly kind: 'done' }
  /** Its live copy is elsewhere, or it was discarded. */
  | { readonly kind: 'stale' }
  /** It waits behind an earlier version; nothing is tried. */
  | { readonly kind: 'behind'; readonly held: Held }
  /** Its turn. */
  | { readonly kind: 'react'; readonly level: number };

/**
 * What is to be done with a message.
 * @param done whether the effects of the event are there
 * @param held every held event of its aggregate
 */
export function onArrival(arrival: Arrival, done: boolean, held: readonly Held[], afterDeath: AfterDeath): Verdict {
  if (done) return { kind: 'done' };
  const mine = held.find(({ eventId }) => eventId === arrival.eventId);
  const live = arrival.from === SOURCE ? !mine : mine?.place === arrival.from && mine.copy === arrival.copy;
  if (!live) return { kind: 'stale' };
  if (held.some((other) => other.version < arrival.version && holdsBack(other, afterDeath))) {
    return { kind: 'behind', held: move(arrival, mine, BEHIND, mine?.level ?? 0) };
  }
  return { kind: 'react', level: mine?.level ?? 0 };
}

/**
 * Where an event goes whose reaction has failed as often as it may.
 * @param tiers names of the retry tiers, shortest delay first
 */
export function afterFailure(arrival: Arrival, held: readonly Held[], tiers: readonly string[]): Held {
  const mine = held.find(({ eventId }) => eventId === arrival.eventId);
  const level = (mine?.level ?? 0) + 1;
  return move(arrival, mine, tiers[level - 1] ?? DEAD, level);
}

/** Where an event goes that came too early. Nothing is used up. */
export function afterEarly(arrival: Arrival, held: readonly Held[]): Held {
  const mine = held.find(({ eventId }) => eventId === arrival.eventId);
  return move(arrival, mine, EARLY, mine?.level ?? 0);
}

/**
 * The events that need to wait no longer, in order, as they are to be held now: on their way back.
 * @param held what is held of the aggregate after the change that made room
 */
export function released(held: readonly Held[], afterDeath: AfterDeath): Held[] {
  const free: Held[] = [];
  for (const event of [...held].sort((a, b) => a.version - b.version)) {
    if (event.place === BEHIND) free.push(movedTo(event, REDRIVE));
    // What is on its way back arrives before what is sent after it.
    else if (event.place !== REDRIVE && holdsBack(event, afterDeath)) break;
  }
  return free;
}

/** An event whose wait for another key is over, or which a person sends back: on its way. */
export function sentBack(event: Held): Held {
  return movedTo(event, REDRIVE);
}

/** An event that a person sends back; should it fail again, it is dead at once. */
export function redriven(event: Held, tiers: readonly string[]): Held {
  return { ...movedTo(event, REDRIVE), level: tiers.length };
}

/** An event that nobody waits for any longer. */
export function died(event: Held): Held {
  return movedTo(event, DEAD);
}

function holdsBack(event: Held, afterDeath: AfterDeath): boolean {
  return event.place !== DEAD || afterDeath === 'hold';
}

function move({ eventId, version }: Arrival, mine: Held | undefined, place: Place, level: number): Held {
  return { eventId, version, place, level, copy: (mine?.copy ?? 0) + 1 };
}

function movedTo(event: Held, place: Place): Held {
  return { ...event, place, copy: event.copy + 1 };
}
