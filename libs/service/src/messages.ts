import type { DescMessage } from '@bufbuild/protobuf';
import { topicOf, type Topic } from '@past-tense/contracts';
import type { CommandHandlerClass } from '@past-tense/commands';
import { eventsOf, type ReactionClass } from '@past-tense/messaging';

/** What a service says to the others, what it listens to and which commands it answers. Boot and the documentation read the same manifest. */
export interface Messages {
  readonly publishes: readonly DescMessage[];
  readonly reactions: readonly ReactionClass<never>[];
  readonly answers?: readonly CommandHandlerClass[];
}

/**
 * Checks a manifest against the contracts.
 * @throws Error in one sentence: not the producer, not a declared consumer, or two reactions to one event
 */
export function checkManifest(service: string, { publishes, reactions }: Messages): { published: Topic[]; consumed: Topic[] } {
  const published = publishes.map(topicOf);
  for (const topic of published) {
    if (topic.producer !== service)
      throw new Error(`${service} may not publish ${topic.eventType}: ${topic.proto} names ${topic.producer} as the producer.`);
  }
  const consumed = reactions.flatMap((reaction) => eventsOf(reaction).map(topicOf));
  for (const [i, topic] of consumed.entries()) {
    if (!topic.consumers.includes(service))
      throw new Error(`${service} may not consume ${topic.eventType}: add it to the consumers in ${topic.proto}.`);
    if (consumed.indexOf(topic) !== i)
      throw new Error(`${service} has two reactions to ${topic.eventType}; one consumer has one reaction to an event.`);
  }
  return { published, consumed };
}
