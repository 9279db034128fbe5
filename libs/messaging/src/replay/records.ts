import type { Database } from '@past-tense/database';
import { generationOf } from '@past-tense/dedup';
import { newId } from '@past-tense/envelope';
import type { ReadSoFar, SourceDescription } from './source';

/** One time that events were fed to a consumer again. */
export interface Replay {
  readonly id: string;
  readonly consumer: string;
  /** The generation that they were derived for; undefined where dedup held. */
  readonly generation: number | undefined;
  readonly source: SourceDescription;
  readonly by: string;
  readonly why: string;
  readonly startedAt: Date;
  /** Events in all, and those that were fed. */
  readonly events: number;
  readonly fed: ReadSoFar;
  /** `feeding` until all were fed, `fed` until it is known what came of them. */
  readonly state: 'feeding' | 'fed' | 'done' | 'cancelled';
  readonly endedAt: Date | undefined;
  /** What had come of it when it ended. */
  readonly outcome: ReplayOutcome | undefined;
}

/** What came of the events of a replay so far. */
export interface ReplayOutcome {
  /** Took effect. */
  readonly applied: number;
  /** Had taken effect before. */
  readonly absorbed: number;
  /** Wait: in a retry, or behind another event. */
  readonly waiting: number;
  /** Are dead letters, or were given up. */
  readonly failed: number;
}

// A type and not an interface, because only a type fits a row of anything.
type OutcomeRow = { -readonly [K in keyof ReplayOutcome]: number };

interface ReplayRow {
  id: string;
  consumer: string;
  generation: number | null;
  source: SourceDescription;
  done_by: string;
  why: string;
  started_at: Date;
  events: string;
  fed: string;
  positions: Record<string, string>;
  state: Replay['state'];
  ended_at: Date | null;
  applied: string | null;
  absorbed: string | null;
  waiting: string | null;
  failed: string | null;
}

const insert = {
  name: 'replays-insert',
  text: `INSERT INTO replays (id, consumer, generation, source, done_by, why, events, positions) VALUES ($1, $2, $3, $4, $5, $6, $7, '{}')`,
};
const one = { name: 'replays-one', text: 'SELECT * FROM replays WHERE consumer = $1 AND id = $2' };
const latest = { name: 'replays-latest', text: 'SELECT * FROM replays WHERE consumer = $1 ORDER BY started_at DESC LIMIT $2' };
const open = {
  name: 'replays-open',
  text: `SELECT * FROM replays WHERE consumer = $1 AND state IN ('feeding', 'fed') ORDER BY started_at DESC`,
};
const advance = { name: 'replays-advance', text: `UPDATE replays SET fed = $2, positions = $3 WHERE id = $1` };
const allFed = { name: 'replays-fed', text: `UPDATE replays SET state = 'fed' WHERE id = $1 AND state = 'feeding'` };
const cancel = {
  name: 'replays-cancel',
  text: `UPDATE replays SET state = 'cancelled', ended_at = now() WHERE id = $1 AND state IN ('feeding', 'fed')`,
};
const generation = {
  name: 'replays-generation',
  text: 'SELECT coalesce(max(generation), 1) AS generation FROM replays WHERE consumer = $1',
};
const settled = { name: 'replays-settled', text: 'SELECT count(*)::int AS settled FROM replayed_events WHERE replay_id = $1' };
// What is held goes its own way meanwhile: its row is gone when it has taken effect or was given up, and the dedup store knows which.
const outcome = {
  name: 'replays-outcome',
  text: `SELECT
      count(*) FILTER (WHERE result = 'applied')::int AS applied,
      count(*) FILTER (WHERE result = 'absorbed' OR (result = 'held' AND held.place IS NULL AND done))::int AS absorbed,
      count(*) FILTER (WHERE result = 'held' AND held.place <> 'dlq')::int AS waiting,
      count(*) FILTER (WHERE result = 'held' AND (held.place = 'dlq' OR (held.place IS NULL AND NOT done)))::int AS failed
    FROM replayed_events AS event
    LEFT JOIN LATERAL (
      SELECT min(place) AS place FROM held_events WHERE event.result = 'held' AND consumer = $2 AND id = ANY (event.held_ids)
    ) AS held ON true
    LEFT JOIN LATERAL (
      SELECT EXISTS (SELECT 1 FROM processed_events WHERE event.result = 'held' AND consumer = $3 AND event_id = (
        SELECT id::uuid FROM unnest(event.held_ids) AS id WHERE id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' LIMIT 1)) AS done
    ) AS processed ON true
    WHERE replay_id = $1`,
};
const end = {
  name: 'replays-end',
  text: `UPDATE replays SET state = 'done', ended_at = coalesce(ended_at, now()), applied = $2, absorbed = $3, waiting = $4, failed = $5
         WHERE id = $1 AND state IN ('fed', 'done')`,
};
const known = {
  name: 'replays-known',
  text: 'SELECT count(*)::int AS known FROM processed_events WHERE consumer = $1 AND event_id = ANY ($2::uuid[])',
};
const lock = 'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS mine';

/** The records of replays in the database of the consumer they were made for. */
export class ReplayRecords {
  constructor(
    private readonly database: Database,
    private readonly consumer: string,
  ) {}

  /** Notes a replay that begins. */
  async begin(replay: Pick<Replay, 'generation' | 'source' | 'by' | 'why' | 'events'>): Promise<Replay> {
    const id = newId();
    const { generation: of, source, by, why, events } = replay;
    await this.database.query(insert, [id, this.consumer, of ?? null, JSON.stringify(source), by, why, events]);
    return (await this.get(id))!;
  }

  async get(id: string): Promise<Replay | undefined> {
    const [row] = await this.database.query<ReplayRow>(one, [this.consumer, id]);
    return row && fromRow(row);
  }

  /** The last replays, newest first. */
  async latest(limit: number): Promise<Replay[]> {
    return (await this.database.query<ReplayRow>(latest, [this.consumer, limit])).map(fromRow);
  }

  /** Replays that have not come to their end, newest first. */
  async open(): Promise<Replay[]> {
    return (await this.database.query<ReplayRow>(open, [this.consumer])).map(fromRow);
  }

  /** Notes how far a replay has fed. */
  async advance({ id }: Replay, { messages, positions }: ReadSoFar): Promise<void> {
    await this.database.query(advance, [id, messages, JSON.stringify(positions)]);
  }

  /** Notes that everything was fed. */
  async allFed({ id }: Replay): Promise<void> {
    await this.database.query(allFed, [id]);
  }

  /** Gives a replay up. What was fed takes its course. */
  async cancel({ id }: Replay): Promise<void> {
    await this.database.query(cancel, [id]);
  }

  /** The generation of the consumer: 1, or the latest that something was derived for. */
  async generation(): Promise<number> {
    return (await this.database.query<{ generation: number }>(generation, [this.consumer]))[0]!.generation;
  }

  /** How many of these events the consumer, in one of its generations, has processed. */
  async countProcessed(eventIds: readonly string[], of: number | undefined): Promise<number> {
    return (await this.database.query<{ known: number }>(known, [this.#remembers(of), eventIds]))[0]!.known;
  }

  /** How many events of a replay the consumer is done with. */
  async settled({ id }: Replay): Promise<number> {
    return (await this.database.query<{ settled: number }>(settled, [id]))[0]!.settled;
  }

  /** What has come of a replay. Of one that has ended, what was noted then, unless something waited: that may have got further. */
  async outcome({ id, generation: of, outcome: noted }: Replay): Promise<ReplayOutcome> {
    if (noted?.waiting === 0) return noted;
    const [now] = await this.database.query<OutcomeRow>(outcome, [id, this.consumer, this.#remembers(of)]);
    return { ...now! };
  }

  /** Ends a replay of which every event was settled, and notes what came of it. */
  async end({ id }: Replay, { applied, absorbed, waiting, failed }: ReplayOutcome): Promise<void> {
    await this.database.query(end, [id, applied, absorbed, waiting, failed]);
  }

  /**
   * Does something as the only one who feeds this replay.
   * @throws Error if somebody else does so now
   */
  async alone<T>({ id }: Replay, work: () => Promise<T>): Promise<T> {
    const session = await this.database.session();
    try {
      const { rows } = await session.query<{ mine: boolean }>(lock, [`replay/${id}`]);
      if (!rows[0]!.mine) throw new Error(`Somebody else feeds replay ${id} right now`);
      return await work();
    } finally {
      session.release(true); // The lock goes with the connection.
    }
  }

  #remembers(of: number | undefined): string {
    return of === undefined ? this.consumer : generationOf(this.consumer, of);
  }
}

function fromRow(row: ReplayRow): Replay {
  return {
    id: row.id,
    consumer: row.consumer,
    generation: row.generation ?? undefined,
    source: row.source,
    by: row.done_by,
    why: row.why,
    startedAt: row.started_at,
    events: Number(row.events),
    fed: { messages: Number(row.fed), positions: row.positions },
    state: row.state,
    endedAt: row.ended_at ?? undefined,
    outcome:
      row.applied === null
        ? undefined
        : { applied: Number(row.applied), absorbed: Number(row.absorbed), waiting: Number(row.waiting), failed: Number(row.failed) },
  };
}
