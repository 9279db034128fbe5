import type { PoolClient, QueryResult, QueryResultRow } from 'pg';
import type { EntityManager } from 'typeorm';
import { inOneRoundTrip, type Bound } from './round-trip';

/** SQL that is prepared once per connection under its name and only bound and run after that. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

const BEGIN: Bound = [{ name: 'begin', text: 'BEGIN' }, []];
const COMMIT: Bound = [{ name: 'commit', text: 'COMMIT' }, []];
const savepoint = { name: 'savepoint', text: 'SAVEPOINT attempt' };
const keep = { name: 'savepoint-keep', text: 'RELEASE SAVEPOINT attempt' };
const takeBack = { name: 'savepoint-take-back', text: 'ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt' };
/** SQLSTATE of a statement in a transaction in which one has failed before. */
const IN_FAILED_TRANSACTION = '25P02';
// Bounds of what waits to be sent.
const MAX_DEFERRED = 100;
const MAX_DEFERRED_BYTES = 1_048_576;

/**
 * An open database transaction. Whatever takes one does its work in it and leaves committing to whoever opened it. Its BEGIN is sent with its first
 * statement, and what was deferred with the next one: PostgreSQL sees the same statements in the same order, in fewer packets.
 */
export class Transaction {
  #afterCommit: (() => void)[] = [];
  /** What is sent before anything else is. */
  #deferred: Bound[] = [BEGIN];
  #deferredBytes = 0;
  /** The round trip that begins it, while it is on its way; what must not be run without it waits. */
  #beginning: Promise<unknown> | undefined;

  constructor(
    /** TypeORM's entity manager, bound to this transaction. */
    readonly entities: EntityManager,
    private readonly client: PoolClient,
  ) {}

  /** Runs a prepared statement in this transaction and returns its rows. */
  async query<Row extends QueryResultRow>({ name, text }: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    if (this.#beginning) await this.#beginning;
    if (this.#deferred.length > 0) return (await this.#send([{ name, text }, values])).rows as Row[];
    const { rows } = await this.client.query<Row>({ name, text, values: values as unknown[] });
    return rows;
  }

  /**
   * Runs a prepared statement whose rows nobody needs. It is sent with the next statement, or with the commit, which saves the wait for its answer;
   * what PostgreSQL says against it is thrown there, and nothing of the transaction is kept.
   */
  async defer({ name, text }: Statement, values: readonly unknown[]): Promise<void> {
    this.#deferred.push([{ name, text }, values]);
    for (const value of values) if (typeof value === 'string' || Buffer.isBuffer(value)) this.#deferredBytes += value.length;
    if (this.#deferred.length > MAX_DEFERRED || this.#deferredBytes > MAX_DEFERRED_BYTES) await this.flush();
  }

  /** Sends what was deferred, the BEGIN among it. */
  async flush(): Promise<void> {
    if (this.#beginning) await this.#beginning;
    if (this.#deferred.length > 0) await this.#send();
  }

  /**
   * Runs `work`; if it throws, everything it did is taken back and the transaction goes on. Locks that it took are then let go, those from before
   * are kept.
   * @throws what `work` throws
   */
  async attempt<T>(work: () => Promise<T>): Promise<T> {
    const toldBefore = this.#afterCommit.length;
    await this.query(savepoint);
    try {
      const result = await work();
      await this.query(keep);
      return result;
    } catch (error) {
      this.#afterCommit.length = toldBefore;
      this.#drop();
      // The connection may be what failed; then nothing is kept of the whole transaction.
      await this.client.query(takeBack.text).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Runs `work` and takes back everything it did, whether it succeeded or not. Locks taken before are kept.
   * @returns the error it threw; undefined if it threw none
   */
  async rehearse(work: () => Promise<unknown>): Promise<unknown> {
    const succeeded = new Error('The rehearsal succeeded.');
    try {
      await this.attempt(async () => {
        await work();
        await this.flush();
        throw succeeded;
      });
    } catch (error) {
      return error === succeeded ? undefined : (error ?? new Error('an error that is undefined'));
    }
    return undefined;
  }

  /** Calls `work` once the transaction is committed, and never if it is not. It must not throw. */
  afterCommit(work: () => void): void {
    this.#afterCommit.push(work);
  }

  /**
   * Called by the database when the work is done.
   * @throws Error if a statement failed whose error was caught
   */
  async commit(): Promise<void> {
    if (this.#beginning) await this.#beginning;
    if (this.#deferred[0] === BEGIN && this.#deferred.length === 1) return; // Nothing was asked of PostgreSQL.
    const caught =
      'A statement failed in this transaction and its error was caught, so PostgreSQL can only roll it back; let the error through.';
    try {
      const { command } = await this.#send(COMMIT);
      // PostgreSQL answers the commit of a failed transaction with a rollback, and that is no error to the client.
      if (command !== 'COMMIT') throw new Error(caught);
    } catch (error) {
      throw (error as { code?: unknown }).code === IN_FAILED_TRANSACTION ? new Error(caught, { cause: error }) : error;
    }
  }

  /** Called by the database when the work has failed. */
  async rollback(): Promise<void> {
    if (this.#deferred[0] === BEGIN) return;
    this.#drop();
    // The connection may be what failed; then PostgreSQL rolls back by itself and this has nothing to do.
    await this.client.query('ROLLBACK').catch(() => undefined);
  }

  /** Called by the database after the commit. */
  committed(): void {
    for (const work of this.#afterCommit) work();
  }

  #drop(): void {
    this.#deferred = [];
    this.#deferredBytes = 0;
  }

  async #send(...last: readonly Bound[]): Promise<QueryResult> {
    const statements = [...this.#deferred, ...last];
    this.#drop();
    const answered = inOneRoundTrip(this.client, statements);
    if (statements[0] === BEGIN) {
      // Should it fail, it stays: nothing more is run.
      this.#beginning = answered;
      await answered;
      this.#beginning = undefined;
    }
    return await answered;
  }
}
