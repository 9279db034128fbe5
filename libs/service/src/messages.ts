import type { DescMessage } from '@bufbuild/protobuf';
import { personalFieldsOf, topicOf, type Topic } from '@past-tense/contracts';
import type { CommandHandlerClass } from '@past-tense/commands';
import { eventsOf, isForgetful, staysInside, type AnyReaction, type ReactionClass } from '@past-tense/messaging';
import { readsPersonal } from '@past-tense/privacy';

/** What a service says to the others, what it listens to and which commands it answers. Boot and the documentation read the same manifest. */
export interface Messages {
  readonly publishes: readonly DescMessage[];
  readonly reactions: readonly ReactionClass<never>[];
  readonly answers?: readonly CommandHandlerClass[];
  /** Its tables follow from the events alone, and its reactions do no harm when they are done again: it may be derived again and rebuilt. */
  readonly projection?: boolean;
}

/**
 * Checks a manifest against the contracts.
 * @throws Error in one sentence: declared to be a projection and none, not the producer, not a declared consumer, two reactions to one event, or one
 *   to an event with personal data that does not know what to do when the person was forgotten
 */
export function checkManifest(service: string, messages: Messages): { published: Topic[]; consumed: Topic[] } {
  const { publishes, reactions, projection } = messages;
  const reaches = reachesOf(messages);
  if (projection && reaches.length > 0)
    throw new Error(`${service} is no projection, because it ${reaches.join(' and ')}; leave that out of its manifest.`);
  if (projection && handlesPersonalData(service, messages))
    throw new Error(`${service} is no projection, because it reads personal data, which may be forgotten; leave that out of its manifest.`);
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
  for (const reaction of reactions) requireForgetful(service, reaction);
  return { published, consumed };
}

/** Whether a service seals or opens personal data, and so needs the key store. */
export function handlesPersonalData(service: string, { publishes, reactions }: Messages): boolean {
  return (
    publishes.some((event) => personalFieldsOf(event).length > 0) ||
    reactions.some((reaction) => eventsOf(reaction).some((event) => readsPersonal(service, event)))
  );
}

function requireForgetful(service: string, reaction: ReactionClass<never>): void {
  const read = eventsOf(reaction).find((event) => readsPersonal(service, event));
  if (read && !isForgetful(reaction.prototype as AnyReaction<never>))
    throw new Error(
      `${service} reads personal data of ${read.typeName}, and ${reaction.name} does not say what to do once the person was forgotten; give it reactToForgotten.`,
    );
}

/** How a service reaches beyond its own tables when it hears of something. Whoever does may not be made to hear of it as if for the first time. */
function reachesOf({ publishes, reactions, answers = [] }: Messages): string[] {
  const outside = reactions.filter(({ prototype }) => !staysInside(prototype as AnyReaction<never>)).map(({ name }) => name);
  return [
    ...(publishes.length > 0 ? [`publishes ${publishes.map(({ name }) => name).join(', ')}`] : []),
    ...(outside.length > 0 ? [`calls somebody outside in ${outside.join(', ')}`] : []),
    ...(answers.length > 0 ? ['answers commands'] : []),
  ];
}
