import type { Logger } from '@past-tense/telemetry';
import { BackgroundLoop } from './background-loop';
import type { Database } from './database';
import type { Statement } from './transaction';

const EVERY_MS = 600_000;
const BATCH = 1_000;

export interface OldRowsOptions {
  readonly database: Database;
  /**
   * Deletes rows that have outlived their use, about $1 of them at most, and returns a row for each; fewer mean that none are left. It must
   * skip what others have locked: several instances delete at once.
   */
  readonly remove: Statement;
  readonly logger: Logger;
}

/**
 * Deletes what is old, at the start and every ten minutes, in small transactions: a long one would hold back others and the vacuum.
 * Every instance does it.
 */
export class OldRows {
  readonly #loop: BackgroundLoop;

  constructor({ database, remove, logger }: OldRowsOptions) {
    const round = async () => ((await database.query(remove, [BATCH])).length >= BATCH ? 0 : EVERY_MS);
    this.#loop = new BackgroundLoop(remove.name, round, logger);
  }

  start(): void {
    this.#loop.start();
  }

  /** Begins no more batches, and returns when the current one is done. */
  async stop(): Promise<void> {
    await this.#loop.stop();
  }
}
