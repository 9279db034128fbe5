import { isConflict, type Database, type Transaction } from '@past-tense/database';
import { maintainPartitions } from '@past-tense/dedup';
import { firstIdAt } from '@past-tense/envelope';
import { Outbox } from '@past-tense/outbox';
import { setTimeout as sleep } from 'node:timers/promises';
import { backOff } from '../delivery/back-off';
import { HeldEvents } from '../retry/held-events';
import { DEAD, released, type AfterDeath } from '../retry/ordered-retry';
import { compareTables, type TableComparison } from './comparison';
import { replacedSchemaOf, type ReadModel } from './read-model';
import { saveStep, type RebuildRecord } from './rebuilds';
import { RebuildRefusal } from './refusal';
import { quoted } from './sql';

export interface SwapOptions {
  readonly consumer: string;
  /** The database, where the consumer works. */
  readonly database: Database;
  /** The same with the copy's schema. */
  readonly copy: Database;
  readonly model: ReadModel;
  /** How long the consumer remembers what it has processed, milliseconds. */
  readonly dedupTtlMs: number;
  /** Whether later events of an aggregate wait behind a dead one. */
  readonly afterDeath: AfterDeath;
  /** Applies to the copy what the consumer has processed and the copy has not. Called while the consumer stands still. */
  readonly catchUp: () => Promise<void>;
  /** Applies to the copy what else is on the topics. Called once the two were compared and are to be exchanged. */
  readonly finish: () => Promise<RebuildRecord>;
  /** Whether the tables are exchanged although they differ from the copy. */
  readonly allowDifferences: boolean;
  /** Whether nothing is exchanged, whatever comes of the comparison. */
  readonly dryRun: boolean;
}

/** What became of a swap. */
export interface SwapOutcome {
  readonly swapped: boolean;
  readonly comparison: readonly TableComparison[];
  /** Events that the copy has and the consumer had not processed. Only if it was swapped. */
  readonly madeKnown: number;
  /** Events that the consumer held, waiting or dead, and that are in the copy; they are held no longer. Only if it was swapped. */
  readonly settled: number;
  /** How long the consumer stood still, milliseconds. */
  readonly consumerWaitedMs: number;
  /** How long reads may have waited, milliseconds. */
  readonly readersWaitedMs: number;
}

/** What one attempt came to; the record if it was swapped. */
type Attempted = SwapOutcome & { readonly record: RebuildRecord | undefined };

const ATTEMPTS = 6;
const BETWEEN_ATTEMPTS = { firstDelayMs: 500, maxDelayMs: 5_000 };
/** How long new reads may queue behind ours while an old one is still under way. */
const READERS_MAY_WAIT_MS = 1_000;
const LOCK_ATTEMPTS = 30;
const BETWEEN_LOCKS_MS = 500;
const AHEAD_MS = 7 * 86_400_000;

const patience = {
  name: 'rebuild-patience',
  text: `SELECT set_config('lock_timeout', '10s', true), set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true),
                set_config('client_connection_check_interval', '2s', true)`,
};

/**
 * Puts a copy into the place of the tables that serve, in one transaction. The consumer stands still meanwhile: it waits for the lock on what it has
 * processed, which it takes before everything else, so nobody can wait for us who holds what we wait for. Reads go on; only for the moment of the
 * exchange itself they wait. Should this process be killed, nothing has happened.
 */
export class Swap {
  readonly #held: HeldEvents;

  constructor(private readonly options: SwapOptions) {
    const { consumer } = options;
    this.#held = new HeldEvents(
      consumer,
      new Outbox({ producer: { name: consumer, version: '' }, schemas: new Map(), committed: () => undefined }),
    );
  }

  /**
   * Compares and, if nothing speaks against it, swaps.
   * @throws what PostgreSQL says when others do not let go of the tables again and again
   */
  async attempt(): Promise<SwapOutcome> {
    const { database, dedupTtlMs } = this.options;
    const { knownSinceMs } = await maintainPartitions(database, dedupTtlMs);
    const { record, ...outcome } = await this.#untilDone(knownSinceMs);
    return record ? { ...outcome, settled: outcome.settled + (await this.#settleLatecomers(record)) } : outcome;
  }

  async #untilDone(knownSinceMs: number): Promise<Attempted> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await this.#once(knownSinceMs);
      } catch (error) {
        if (!isConflict(error) || failures >= ATTEMPTS) throw error;
        await sleep(backOff(failures, BETWEEN_ATTEMPTS));
      }
    }
  }

  async #once(knownSinceMs: number): Promise<Attempted> {
    const { database, copy, model, catchUp, finish, allowDifferences, dryRun } = this.options;
    let lockedAt = 0;
    let readersStoppedAt = 0;
    const outcome = await database.transaction(async (transaction) => {
      const { entities } = transaction;
      await transaction.query(patience);
      await entities.query(`LOCK TABLE ${quoted(model.serving)}.processed_events IN SHARE ROW EXCLUSIVE MODE`);
      lockedAt = performance.now();
      await entities.query(`LOCK TABLE ${model.servingTables} IN SHARE ROW EXCLUSIVE MODE`);
      await catchUp();
      await model.requireNothingElse(copy);
      const comparison = await compareTables(model, entities, copy);
      const differs = comparison.some(({ equal }) => !equal);
      if (dryRun || (differs && !allowDifferences)) return { swapped: false, comparison, madeKnown: 0, settled: 0, record: undefined };
      const record = await finish();
      // From here on whoever else works on this copy is refused.
      await saveStep(transaction, model.serving, record);
      const madeKnown = await this.#makeKnown(transaction, knownSinceMs);
      const settled = await this.#settle(transaction, record);
      readersStoppedAt = await this.#lockExclusively(transaction, model.servingTables);
      const replaced = replacedSchemaOf(record.consumer, record.id);
      await model.exchange(transaction, replaced);
      await entities.query(
        `UPDATE rebuilds SET state = 'swapped', comparison = $2, counts = $3, replaced_schema = $4, ended_at = now() WHERE id = $1`,
        [record.id, JSON.stringify(comparison), JSON.stringify(record.counts), replaced],
      );
      return { swapped: true, comparison, madeKnown, settled, record };
    });
    const endedAt = performance.now();
    return { ...outcome, consumerWaitedMs: endedAt - lockedAt, readersWaitedMs: outcome.swapped ? endedAt - readersStoppedAt : 0 };
  }

  /** Makes the consumer know what the copy has processed and it has not, so that it does not do it again. */
  async #makeKnown({ entities }: Transaction, knownSinceMs: number): Promise<number> {
    const { consumer, model } = this.options;
    const known: unknown[] = await entities.query(
      `INSERT INTO ${quoted(model.serving)}.processed_events (consumer, event_id)
       SELECT c.consumer, c.event_id FROM ${quoted(model.copy)}.processed_events c
       LEFT JOIN ${quoted(model.serving)}.processed_events s ON s.consumer = c.consumer AND s.event_id = c.event_id
       WHERE c.consumer = $1 AND s.event_id IS NULL AND c.event_id >= $2::uuid AND c.event_id < $3::uuid
       RETURNING event_id`,
      [consumer, firstIdAt(knownSinceMs), firstIdAt(Date.now() + AHEAD_MS)],
    );
    return known.length;
  }

  /**
   * Ends the waiting of what has taken effect, dead letters among it: a dead letter whose event has taken effect would only hold back what follows.
   * What waited behind goes on.
   * @returns how many events are held no longer
   */
  async #settle(transaction: Transaction, { id }: RebuildRecord): Promise<number> {
    const { consumer, model } = this.options;
    const schema = quoted(model.serving);
    const settled: { aggregateId: string }[] = await transaction.entities.query(
      // What is held for a generation has yet to be derived by that one.
      `WITH settled AS (
         DELETE FROM ${schema}.held_events h USING ${schema}.processed_events p
         WHERE h.consumer = $1 AND p.consumer = $1 AND p.event_id = CASE WHEN h.aggregate_id IS NOT NULL THEN h.id::uuid END
           AND h.replayed->>'generation' IS NULL
         RETURNING h.*
       ), noted AS (
         INSERT INTO ${schema}.dead_letter_actions (consumer, letter_id, action, done_by, why, letter)
         SELECT consumer, id, 'rebuild', 'rebuild', $2, to_jsonb(settled) - 'key' - 'value' - 'headers' FROM settled WHERE place = '${DEAD}'
       )
       SELECT aggregate_id AS "aggregateId" FROM settled`,
      [consumer, `rebuild ${id} has applied it`],
    );
    for (const aggregateId of new Set(settled.map((one) => one.aggregateId))) {
      const waiting = await this.#held.ofAggregate(transaction, aggregateId);
      for (const free of released(waiting, this.options.afterDeath)) {
        const event = waiting.find(({ eventId }) => eventId === free.eventId)!;
        await this.#held.hold(transaction, { ...event, ...free, waitsFor: null, dueAt: null });
      }
    }
    return settled.length;
  }

  /**
   * Settles once more what the consumer has begun to hold at the moment of the swap: a transaction that had looked before it may have decided by what
   * was so until then. None of those is under way while nobody else may look at what is held, which is for a moment only.
   * @throws RebuildRefusal if that cannot be done; the tables are swapped all the same
   */
  async #settleLatecomers(record: RebuildRecord): Promise<number> {
    const { consumer, database, model } = this.options;
    try {
      return await database.transaction(async (transaction) => {
        await this.#lockExclusively(transaction, `${quoted(model.serving)}.held_events`);
        return await this.#settle(transaction, record);
      });
    } catch (error) {
      throw new RebuildRefusal(
        `The tables were swapped, but what ${consumer} began to hold meanwhile could not be looked at: ${(error as Error).message}. Look at its dead letters.`,
        { cause: error },
      );
    }
  }

  /**
   * Takes tables for ourselves as soon as nobody reads them. While we wait for a long read, others queue behind us; so we let them pass soon and try
   * again.
   * @returns since when reads wait
   */
  async #lockExclusively({ entities }: Transaction, tables: string): Promise<number> {
    await entities.query(`SET LOCAL lock_timeout = ${READERS_MAY_WAIT_MS}`);
    for (let attempt = 1; ; attempt += 1) {
      const since = performance.now();
      await entities.query('SAVEPOINT before_lock');
      try {
        await entities.query(`LOCK TABLE ${tables} IN ACCESS EXCLUSIVE MODE`);
        return since;
      } catch (error) {
        if (!isConflict(error) || attempt >= LOCK_ATTEMPTS) throw error;
        await entities.query('ROLLBACK TO SAVEPOINT before_lock');
        await sleep(BETWEEN_LOCKS_MS);
      }
    }
  }
}
