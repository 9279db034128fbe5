import type { PoolClient, QueryResultRow } from 'pg';
import type { EntityManager } from 'typeorm';

/** SQL that is prepared once per connection under its name and only bound and run after that. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** An open database transaction. Whatever takes one does its work in it and leaves committing to whoever opened it. */
export class Transaction {
  readonly #afterCommit: (() => void)[] = [];

  constructor(
    /** TypeORM's entity manager, bound to this transaction. */
    readonly entities: EntityManager,
    private readonly client: PoolClient,
  ) {}

  /** Runs a prepared statement in this transaction and returns its rows. */
  async query<Row extends QueryResultRow>({ name, text }: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    const { rows } = await this.client.query<Row>({ name, text, values: values as unknown[] });
    return rows;
  }

  /**
   * Runs `work` and takes back everything it did, whether it succeeded or not. Locks taken before are kept.
   * @returns the error it threw; undefined if it threw none
   */
  async rehearse(work: () => Promise<unknown>): Promise<unknown> {
    const toldBefore = this.#afterCommit.length;
    await this.client.query('SAVEPOINT rehearsal');
    try {
      await work();
      return undefined;
    } catch (error) {
      return error ?? new Error('an error that is undefined');
    } finally {
      this.#afterCommit.length = toldBefore;
      await this.client.query('ROLLBACK TO SAVEPOINT rehearsal');
    }
  }

  /** Calls `work` once the transaction is committed, and never if it is not. It must not throw. */
  afterCommit(work: () => void): void {
    this.#afterCommit.push(work);
  }

  /** Called by the database after the commit. */
  committed(): void {
    for (const work of this.#afterCommit) work();
  }
}
