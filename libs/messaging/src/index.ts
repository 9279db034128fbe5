export { Consumer, type ConsumerOptions } from './consumer';
export type { RetryPolicy } from './delivery/back-off';
export { EarlyEventError, InvalidEventError, type FailureKind } from './delivery/failure';
export type { KafkaOptions } from './kafka/client';
export { consumerLag, type PartitionLag } from './kafka/consumer-lag';
export { GroupWatch, type GroupWatchOptions, type WatchedGroup } from './kafka/group-watch';
export { KafkaProducer } from './kafka/producer';
export { offsetsOf, type PartitionOffsets } from './kafka/offsets';
export { OrderedReader, type OffsetRange } from './kafka/ordered-reader';
export { readTopic, type StoredMessage } from './kafka/read-topic';
export { MESSAGING_MIGRATIONS } from './migrations';
export { deadLetterTopic, ownTopics, replayTopic, RETRY_TIERS, type RetryTier } from './queues';
export { DeadLetters, type DeadLetterFilter, type DeadLetterGroup } from './retry/dead-letters';
export { DEATH_REASONS, type Reason } from './delivery/added-headers';
export type { HeldEvent } from './retry/held-events';
export type { AfterDeath } from './retry/ordered-retry';
export { declaredConsumers, declaredTopics } from './declared-topics';
export { applyPermissions, comparePermissions, declaredPermissions, type Permission, type PermissionDifference } from './kafka/acls';
export {
  applyTopics,
  compareTopics,
  losesData,
  partitionsRefused,
  requireTopics,
  retentionInWords,
  type TopicChange,
  type TopicDifference,
  type TopicSpec,
} from './kafka/topics';
export { COMPATIBILITY_RULE, refusal, SchemaRegistry, type SubjectPlan } from './schema-registry';
export {
  eventsOf,
  isForgetful,
  ReactsTo,
  staysInside,
  type AnyReaction,
  type Event,
  type Forgetful,
  type OutsideReaction,
  type BatchReaction,
  type Reaction,
  type ReactionClass,
  type Shadowed,
} from './reaction';
export { forgetLeftBefore } from './versions/left-versions';
export { canShadow } from './versions/shadow';
export type { Stage } from './versions/stage';
export { EventFile, EventFileError, exportEvents } from './replay/event-file';
export { feed } from './replay/feed';
export { ReplayRecords, type Replay, type ReplayOutcome } from './replay/records';
export { forgetReplayedBefore } from './replay/results';
export type { ReplaySource } from './replay/source';
export { Surveyor, type Survey } from './replay/survey';
export { TopicSpan, type FoundSpan } from './replay/topic-span';
export { Positions, PositionsUnknown, type ConsumerPositions, type PositionsOptions } from './positions/positions';
export { RESET_STATES, type PositionReset, type RecordedMove, type ResetState } from './positions/reset-records';
export { directionOf, eventsBetween, ResetRefused, type PartitionMove, type ResetCommand, type Target } from './positions/target';
export { type TableComparison } from './rebuild/comparison';
export { previewRebuild, type RebuildPreview } from './rebuild/preview';
export { copySchemaOf, ReadModel } from './rebuild/read-model';
export { Rebuild, type RebuildOptions, type RebuildOutcome, type RebuildProgress } from './rebuild/rebuild';
export { Rebuilds, type RebuildRecord } from './rebuild/rebuilds';
export { RebuildRefusal } from './rebuild/refusal';
