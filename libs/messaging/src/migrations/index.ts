import type { DatabaseOptions } from '@past-tense/database';
import { CreateHeldEvents1763683200002 } from './1763683200002-create-held-events';
import { CreateLeftVersions1763724100000 } from './1763724100000-create-left-versions';
import { CreateReplays1763740000000 } from './1763740000000-replays';
import { CreatePositionResets1763740000001 } from './1763740000001-position-resets';
import { CreateRebuilds1763740000002 } from './1763740000002-rebuilds';
import { TakeEvents1763750000000 } from './1763750000000-take-events';

/** What makes the tables of a consumer. */
export const MESSAGING_MIGRATIONS: DatabaseOptions['migrations'] = [
  CreateHeldEvents1763683200002,
  CreateLeftVersions1763724100000,
  CreateReplays1763740000000,
  CreatePositionResets1763740000001,
  CreateRebuilds1763740000002,
  TakeEvents1763750000000,
];
