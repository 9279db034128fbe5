import type { Database } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import type { PartitionMove, ResetCommand, Target } from './target';

/** Still to be done by whoever has the partition; done; or a later one came first. */
export const RESET_STATES = ['pending', 'done', 'superseded'] as const;
export type ResetState = (typeof RESET_STATES)[number];

/** What was recorded of a reset for one partition. */
export interface RecordedMove extends PartitionMove {
  readonly state: ResetState;
  /** The instance that has done it. */
  readonly doneBy?: string | undefined;
  readonly doneAt?: Date | undefined;
  /** A later reset that came before this one was done. */
  readonly supersededBy?: string | undefined;
}

/** A command to go on elsewhere, as it was recorded. */
export interface PositionReset {
  readonly id: string;
  readonly consumer: string;
  readonly topic: string;
  readonly partition?: number | undefined;
  readonly to: Target;
  readonly requestedBy: string;
  readonly requestedAt: Date;
  readonly why: string;
  /** In order of the partition. */
  readonly moves: readonly RecordedMove[];
}

/** A partition that whoever has it is to go on with elsewhere. */
export interface OpenMove {
  readonly resetId: string;
  readonly topic: string;
  readonly partition: number;
  readonly to: bigint;
}

interface ResetRow {
  id: string;
  consumer: string;
  topic: string;
  partition: number | null;
  target: Target;
  requested_by: string;
  requested_at: Date;
  why: string;
}

interface MoveRow {
  reset_id: string;
  topic: string;
  partition: number;
  from_offset: string;
  to_offset: string;
  end_offset: string;
  state: ResetState;
  done_by: string | null;
  done_at: Date | null;
  superseded_by: string | null;
}

// Two at once would both find nothing to supersede.
const lock = { name: 'resets-lock', text: `SELECT pg_advisory_xact_lock(hashtextextended('position-resets/' || $1, 0))` };
const insert = {
  name: 'resets-insert',
  text: `INSERT INTO position_resets (id, consumer, topic, partition, target, requested_by, why) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
};
const supersede = {
  name: 'resets-supersede',
  text: `UPDATE position_reset_partitions SET state = 'superseded', superseded_by = $4
         WHERE consumer = $1 AND topic = $2 AND partition = ANY($3::int[]) AND state = 'pending'`,
};
const insertMoves = {
  name: 'resets-insert-moves',
  text: `INSERT INTO position_reset_partitions (reset_id, consumer, topic, partition, from_offset, to_offset, end_offset)
         SELECT $1, $2, $3, * FROM unnest($4::int[], $5::bigint[], $6::bigint[], $7::bigint[])`,
};
const open = {
  name: 'resets-open',
  text: `SELECT reset_id, topic, partition, to_offset FROM position_reset_partitions WHERE consumer = $1 AND state = 'pending'`,
};
// One that was superseded meanwhile stays that: the later one is still to be done.
const done = {
  name: 'resets-done',
  text: `UPDATE position_reset_partitions SET state = 'done', done_by = $3, done_at = now()
         WHERE reset_id = $1 AND partition = $2 AND state = 'pending'`,
};
const page = {
  name: 'resets-page',
  text: `SELECT * FROM position_resets WHERE consumer = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
};
const one = { name: 'resets-one', text: 'SELECT * FROM position_resets WHERE consumer = $1 AND id = $2' };
const movesOfResets = {
  name: 'resets-moves',
  text: 'SELECT * FROM position_reset_partitions WHERE reset_id = ANY($1::uuid[]) ORDER BY partition',
};

/** The commands to reset positions of one consumer, in its database: all instances do what they find there. */
export class ResetRecords {
  constructor(
    private readonly database: Database,
    private readonly consumer: string,
  ) {}

  /** Records a command. What is still open of the same partitions is superseded. Returns its id. */
  async add({ topic, partition, to, why = '' }: ResetCommand, moves: readonly PartitionMove[], by: string): Promise<string> {
    const id = newId();
    await this.database.transaction(async (transaction) => {
      await transaction.query(lock, [this.consumer]);
      const partitions = moves.map((move) => move.partition);
      await transaction.query(supersede, [this.consumer, topic, partitions, id]);
      await transaction.query(insert, [id, this.consumer, topic, partition ?? null, JSON.stringify(to), by, why]);
      const offsets = (['from', 'to', 'end'] as const).map((name) => moves.map((move) => String(move[name])));
      await transaction.query(insertMoves, [id, this.consumer, topic, partitions, ...offsets]);
    });
    return id;
  }

  /** What is still to be done, by whoever has the partition. */
  async open(): Promise<OpenMove[]> {
    const rows = await this.database.query<Pick<MoveRow, 'reset_id' | 'topic' | 'partition' | 'to_offset'>>(open, [this.consumer]);
    return rows.map((row) => ({ resetId: row.reset_id, topic: row.topic, partition: row.partition, to: BigInt(row.to_offset) }));
  }

  async done({ resetId, partition }: OpenMove, instance: string): Promise<void> {
    await this.database.query(done, [resetId, partition, instance]);
  }

  /**
   * The newest first.
   * @param before the id after which to go on
   */
  async list(limit: number, before?: string): Promise<PositionReset[]> {
    return await this.#withMoves(await this.database.query<ResetRow>(page, [this.consumer, before ?? null, limit]));
  }

  async find(id: string): Promise<PositionReset | undefined> {
    const [found] = await this.#withMoves(await this.database.query<ResetRow>(one, [this.consumer, id]));
    return found;
  }

  async #withMoves(rows: readonly ResetRow[]): Promise<PositionReset[]> {
    if (rows.length === 0) return [];
    const moves = await this.database.query<MoveRow>(movesOfResets, [rows.map(({ id }) => id)]);
    return rows.map((row) => ({
      id: row.id,
      consumer: row.consumer,
      topic: row.topic,
      partition: row.partition ?? undefined,
      to: row.target,
      requestedBy: row.requested_by,
      requestedAt: row.requested_at,
      why: row.why,
      moves: moves.filter((move) => move.reset_id === row.id).map(recordedMove),
    }));
  }
}

function recordedMove(row: MoveRow): RecordedMove {
  return {
    topic: row.topic,
    partition: row.partition,
    from: BigInt(row.from_offset),
    to: BigInt(row.to_offset),
    end: BigInt(row.end_offset),
    state: row.state,
    doneBy: row.done_by ?? undefined,
    doneAt: row.done_at ?? undefined,
    supersededBy: row.superseded_by ?? undefined,
  };
}
