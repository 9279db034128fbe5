import { context, SpanKind, trace } from '@opentelemetry/api';
import { inSpan, type Logger } from '@past-tense/telemetry';
import type { Pool, PoolClient, QueryResultRow } from 'pg';
import { channel } from 'node:diagnostics_channel';
import { DataSource, type EntityManager, type EntitySchema, type MigrationInterface, type QueryRunner } from 'typeorm';
import { Transaction, type Statement } from './transaction';

export interface DatabaseOptions {
  /** postgres://user:password@host:port/database */
  readonly url: string;
  /** Shown by PostgreSQL beside each connection. */
  readonly applicationName: string;
  readonly entities: readonly (Function | EntitySchema)[];
  readonly migrations: readonly (new () => MigrationInterface)[];
  /** Connections at most. */
  readonly poolSize?: number;
  /**
   * Schema in which everything is looked for and made; the database's own choice if left out. It must be there. Lower-case letters, digits and
   * underscores.
   */
  readonly schema?: string;
  readonly logger: Logger;
}

// A point at which the crash tests kill the process: the change is committed, and nobody knows it yet.
const committed = channel('past-tense.after-commit');

const POOL_SIZE = 16;
const CONNECT_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_DELAY_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 15_000;
// A process that stands still in the middle of a transaction (a stopped container, a long pause) would hold its locks for
// ever; PostgreSQL ends it instead.
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;
const LOCK_TIMEOUT_MS = 10_000;
// Any number will do as long as every instance takes the same one.
const MIGRATION_LOCK = 7_278_465;

/** The PostgreSQL database of one service. */
export class Database {
  readonly #source: DataSource;

  constructor(options: DatabaseOptions) {
    this.#source = new DataSource({
      type: 'postgres',
      url: options.url,
      applicationName: options.applicationName,
      entities: [...options.entities],
      migrations: [...options.migrations],
      poolErrorHandler: (error: Error) => options.logger.warn({ err: error }, 'a database connection was lost'),
      extra: {
        max: options.poolSize ?? POOL_SIZE,
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        // A server that vanished without a word is noticed by its silence.
        keepAlive: true,
        keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
        statement_timeout: STATEMENT_TIMEOUT_MS,
        idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
        lock_timeout: LOCK_TIMEOUT_MS,
        ...(options.schema !== undefined && { options: `-c search_path=${options.schema}` }),
      },
    });
  }

  async connect(): Promise<void> {
    await this.#source.initialize();
  }

  /** Closes every connection; queries that still run are waited for. */
  async close(): Promise<void> {
    if (this.#source.isInitialized) await this.#source.destroy();
  }

  /** Runs the migrations that are missing. Several instances may start at once: one migrates, the others wait. */
  async migrate(): Promise<void> {
    const runner = this.#source.createQueryRunner();
    try {
      await runner.query(`SET lock_timeout = 0; SET statement_timeout = 0`);
      await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
      try {
        await this.#source.runMigrations({ transaction: 'each' });
      } finally {
        await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
        await runner.query(`RESET lock_timeout; RESET statement_timeout`);
      }
    } finally {
      await runner.release();
    }
  }

  /**
   * Runs `work` in a transaction: committed when it returns, rolled back when it throws.
   * @throws whatever `work` throws, and what PostgreSQL says when the commit fails
   */
  async transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    // What nobody asked for (looking after something now and then) is no trace of its own: it would bury those that somebody looks for.
    if (!trace.getActiveSpan()) return await this.#inTransaction(work);
    const attributes = { 'db.system.name': 'postgresql' };
    return await inSpan('transaction', { kind: SpanKind.CLIENT, attributes }, context.active(), () => this.#inTransaction(work));
  }

  async #inTransaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const runner = this.#source.createQueryRunner();
    try {
      const transaction = new Transaction(runner.manager, (await runner.connect()) as PoolClient);
      within(transaction, runner);
      const result = await endOf(transaction, work);
      committed.publish(undefined);
      transaction.committed();
      return result;
    } finally {
      Object.assign(runner, { isTransactionActive: false, transactionDepth: 0 });
      await runner.release();
    }
  }

  /** Runs a prepared statement in a transaction of its own and returns its rows. */
  async query<Row extends QueryResultRow>({ name, text }: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    const { rows } = await this.#pool.query<Row>({ name, text, values: values as unknown[] });
    return rows;
  }

  /** TypeORM's entity manager, for reading outside of a transaction. */
  get entities(): EntityManager {
    return this.#source.manager;
  }

  /** A connection of its own, for what needs a session (LISTEN, session locks); the caller releases it. */
  async session(): Promise<PoolClient> {
    return this.#pool.connect();
  }

  get #pool(): Pool {
    return (this.#source.driver as unknown as { master: Pool }).master;
  }
}

/**
 * Puts what TypeORM does into a transaction that it has not begun: what it begins itself is a savepoint inside of it. It would begin and end
 * it by telling its subscribers before and after each, of which there are none, and that takes longer than the statement.
 */
function within(transaction: Transaction, runner: QueryRunner): void {
  const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
  const afterWhatWaits = async (...args: unknown[]) => {
    await transaction.flush();
    return await query(...args);
  };
  Object.assign(runner, { isTransactionActive: true, transactionDepth: 1, query: afterWhatWaits });
}

async function endOf<T>(transaction: Transaction, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  try {
    const result = await work(transaction);
    await transaction.commit();
    return result;
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
}
