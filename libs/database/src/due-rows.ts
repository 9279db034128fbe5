import type { Logger } from '@past-tense/telemetry';
import type { QueryResultRow } from 'pg';
import type { Database } from './database';
import type { Statement } from './transaction';
import { WakeUp } from './wake-up';

export interface DueRowsOptions<Row> {
  /** What the rows are, for the log. */
  readonly name: string;
  readonly database: Database;
  /**
   * Takes up to $1 rows that are due and returns them. It must put off when they are due again, and skip what others have locked:
   * then no two instances work on the same row, and a row whose instance was killed is taken again.
   */
  readonly take: Statement;
  /** Works on a row and settles it. A row whose work throws stays as it is until it is due again. */
  readonly handle: (row: Row) => Promise<void>;
  /** Rows worked on at once. */
  readonly concurrency?: number;
  /** Milliseconds between two looks at the table when nothing wakes it. */
  readonly pollMs?: number;
  readonly logger: Logger;
}

const MAX_BACK_OFF_MS = 5_000;

/** Works off the rows of a table as they become due, with as many instances as there are. */
export class DueRows<Row extends QueryResultRow> {
  readonly #wakeUp = new WakeUp();
  readonly #working = new Set<Promise<void>>();
  #running: Promise<void> | undefined;
  #stopping = false;

  constructor(private readonly options: DueRowsOptions<Row>) {}

  start(): void {
    this.#running ??= this.#run();
  }

  /** Says that a row has become due in this process. */
  wake(): void {
    this.#wakeUp.wake();
  }

  /** Takes no more rows, and returns when what was begun is done. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.wake();
    await this.#running;
    await Promise.all(this.#working);
  }

  async #run(): Promise<void> {
    const { name, database, take, logger, concurrency = 10, pollMs = 1_000 } = this.options;
    let failures = 0;
    while (!this.#stopping) {
      const free = concurrency - this.#working.size;
      try {
        const rows = free > 0 ? await database.query<Row>(take, [free]) : [];
        for (const row of rows) this.#begin(row);
        failures = 0;
        if (rows.length === 0 || rows.length < free) await this.#wakeUp.sleep(pollMs);
      } catch (error) {
        failures += 1;
        logger.warn({ err: error, failures }, `${name} cannot be looked at; that is tried again`);
        await this.#backOff(Math.min(MAX_BACK_OFF_MS, pollMs * failures));
      }
    }
  }

  /** Whoever says that a row is due must not hurry it while the database is away. */
  async #backOff(ms: number): Promise<void> {
    const until = Date.now() + ms;
    for (let left = ms; left > 0 && !this.#stopping; left = until - Date.now()) await this.#wakeUp.sleep(left);
  }

  #begin(row: Row): void {
    const work = this.options
      .handle(row)
      .catch((error: unknown) =>
        this.options.logger.error({ err: error }, `one of ${this.options.name} could not be settled; it is taken again later`),
      )
      .finally(() => {
        this.#working.delete(work);
        // A place is free again; without this a backlog would move on only as often as the table is polled.
        if (this.#working.size >= (this.options.concurrency ?? 10) - 1) this.wake();
      });
    this.#working.add(work);
  }
}
