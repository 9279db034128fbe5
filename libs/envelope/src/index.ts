export { fromHeaders, toHeaders, type KafkaHeaders } from './kafka-headers';
export { EnvelopeError, type Envelope } from './envelope';
export { firstIdAt, newId, timeOfId } from './id';
