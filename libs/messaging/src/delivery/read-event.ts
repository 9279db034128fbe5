import type { DescMessage } from '@bufbuild/protobuf';
import { decode, routeOf, topicOf, validate } from '@past-tense/contracts';
import type { Envelope } from '@past-tense/envelope';
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
