export { CreateProcessedEvents1763683200001 } from './migrations/1763683200001-create-processed-events';
export { OutsideDedupWindowError, ProcessedEvents, requireTtlBeyondRetention } from './processed-events';
export { maintainPartitions } from './partitions';
