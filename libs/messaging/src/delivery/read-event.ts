import type { DescMessage } from '@bufbuild/protobuf';
import { decode, routeOf, topicOf, validate } from '@past-tense/contracts';
import type { Envelope } from '@past-tense/envelope';
import type { PersonalData } from '@past-tense/privacy';
import type { Event } from '../reaction';
import { InvalidEventError } from './failure';
import type { Message } from './message';

/**
 * Reads a message as one of the events a consumer knows. Everything is checked before anything happens.
 * @param known events by type
 * @throws InvalidEventError, UndecodableError or InvalidPayloadError saying what is wrong
 */
export function readEvent(message: Message, envelope: Envelope, known: ReadonlyMap<string, DescMessage>): Event<never> {
  const type = known.get(envelope.eventType);
  if (!type) throw new InvalidEventError(`nothing here reacts to the type ${envelope.eventType} that header ce_type names`);
  const topic = topicOf(type);
  if (topic.name !== message.origin.topic)
    throw new InvalidEventError(
      `header ce_type names ${envelope.eventType}, which travels on ${topic.name} and not on ${message.origin.topic}`,
    );
  if (message.value === null) throw new InvalidEventError('the message has no value');
  const data = decode(type, message.value);
  validate(type, data);
  const { key } = routeOf({ type, data });
  if (key !== envelope.aggregateId) throw new InvalidEventError(`header ce_subject is not the payload's ${topic.key}`);
  if (key !== message.key?.toString()) throw new InvalidEventError(`the Kafka key is not the payload's ${topic.key}`);
  return { ...envelope, data: data as never };
}

/** An event, and whether the person whom it is about was forgotten: then what is personal in it stays sealed. */
export interface OpenedEvent {
  readonly event: Event<never>;
  readonly forgotten: boolean;
}

/**
 * Opens what a consumer may read of an event. It is checked again, because until now the rules of what was sealed could not be.
 * @param personal nothing for a consumer that reads nothing personal
 * @throws SealBrokenError, KeyMissingError, InvalidPayloadError
 */
export async function openEvent(event: Event<never>, type: DescMessage, personal: PersonalData | undefined): Promise<OpenedEvent> {
  if (!personal?.reads(type)) return { event, forgotten: false };
  const data = await personal.openEvent(type, event.data, event.eventId);
  if (data === 'forgotten') return { event, forgotten: true };
  validate(type, data);
  return { event: { ...event, data: data as never }, forgotten: false };
}
