import { DEAD, REDRIVE, type Place } from './retry/ordered-retry';

/** One step of patience: the topic on which a failed event waits, and for how long. */
export interface RetryTier {
  /** Where the event waits; also the end of the topic's name. */
  readonly place: Place;
  readonly delayMs: number;
}

/** The retry tiers every consumer has topics for. The delays can be configured; the names are the names of topics. */
export const RETRY_TIERS: readonly RetryTier[] = [
  { place: 'retry-5s', delayMs: 5_000 },
  { place: 'retry-1m', delayMs: 60_000 },
  { place: 'retry-10m', delayMs: 600_000 },
];

/** Bytes a message on a consumer's own topic may have: what Kafka lets through elsewhere, and what is added on the way. */
export const OWN_TOPIC_MAX_BYTES = 2 * 1_048_576;

/** The topic that belongs to a place of a consumer, such as `shipping.retry-5s`. */
export function queueTopic(consumer: string, place: Place): string {
  return `${consumer}.${place}`;
}

/** The dead-letter topic of a consumer. */
export function deadLetterTopic(consumer: string): string {
  return queueTopic(consumer, DEAD);
}

/** The topics a consumer reads besides the events: its retry tiers, and what was sent back. */
export function returnTopics(consumer: string): ReadonlyMap<string, Place> {
  return new Map([...RETRY_TIERS.map(({ place }) => place), REDRIVE].map((place) => [queueTopic(consumer, place), place]));
}

/** The topic on which a consumer, and nobody else, gets events again that were published before. */
export function replayTopic(consumer: string): string {
  return queueTopic(consumer, 'replay');
}

/** How the names of the groups begin in which tools read topics. Each run has a group of its own. */
export const READING_GROUPS = 'replay.';

/** Every topic a consumer needs of its own. */
export function ownTopics(consumer: string): string[] {
  return [...returnTopics(consumer).keys(), replayTopic(consumer), deadLetterTopic(consumer)];
}
