import type { DatabaseOptions } from '@past-tense/database';
import { CreateOutbox1763683200000 } from './migrations/1763683200000-create-outbox';
import { SpecVersion1763721200000 } from './migrations/1763721200000-spec-version';
import { TraceForwards1763721000000 } from './migrations/1763721000000-trace-forwards';
import { VersionsOfAFact1763724000000 } from './migrations/1763724000000-versions-of-a-fact';

/** What makes the tables of the outbox. */
export const OUTBOX_MIGRATIONS: DatabaseOptions['migrations'] = [
  CreateOutbox1763683200000,
  TraceForwards1763721000000,
  SpecVersion1763721200000,
  VersionsOfAFact1763724000000,
];
export { Outbox, packHeaders, unpackHeaders, type PackedHeaders, type OutboxOptions, type RegisteredSchema } from './outbox';
export { RecordRejectedError, type KafkaRecord, type Position, type Publish } from './record';
export { Relay, type RelayOptions } from './relay';
