export { Consumer, type ConsumerOptions } from './consumer';
export { deadLetterTopic } from './delivery/dead-letter';
export type { RetryPolicy } from './delivery/delivery';
export { InvalidEventError, type FailureKind } from './delivery/failure';
export type { KafkaOptions } from './kafka/client';
export { KafkaProducer } from './kafka/producer';
export { applyTopics, requireTopics, type TopicChange, type TopicSpec } from './kafka/topics';
export { SchemaRegistry } from './schema-registry';
export { eventsOf, ReactsTo, type AnyReaction, type Event, type OutsideReaction, type Reaction, type ReactionClass } from './reaction';
