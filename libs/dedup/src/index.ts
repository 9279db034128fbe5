export { CreateProcessedEvents1763683200001 } from './migrations/1763683200001-create-processed-events';
export { maintainPartitions, type Maintained } from './partitions';
export { claimForGood, generationOf, OutsideDedupWindowError, ProcessedEvents, requireTtlBeyondReturn } from './processed-events';
