import type { DatabaseOptions } from '@past-tense/database';
import { CreateProcessedEvents1763683200001 } from './migrations/1763683200001-create-processed-events';

/** What makes the table of the processed events. */
export const DEDUP_MIGRATIONS: DatabaseOptions['migrations'] = [CreateProcessedEvents1763683200001];
export { maintainPartitions, type Maintained } from './partitions';
export { claimForGood, generationOf, OutsideDedupWindowError, ProcessedEvents, requireTtlBeyondReturn } from './processed-events';
