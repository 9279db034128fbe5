import { CreateHeldEvents1763683200002 } from './1763683200002-create-held-events';
import { CreateLeftVersions1763724100000 } from './1763724100000-create-left-versions';

/** What makes the tables of a consumer. */
export const MESSAGING_MIGRATIONS = [CreateHeldEvents1763683200002, CreateLeftVersions1763724100000];
