export { CreateOutbox1763683200000 } from './migrations/1763683200000-create-outbox';
export { Outbox, packHeaders, unpackHeaders, type PackedHeaders, type OutboxOptions, type RegisteredSchema } from './outbox';
export { RecordRejectedError, type KafkaRecord, type Publish } from './record';
export { Relay, type RelayOptions } from './relay';
