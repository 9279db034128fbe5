import { WakeUp, type Database, type Statement } from '@past-tense/database';
import type { Logger } from '@past-tense/telemetry';

const HOUR_MS = 3_600_000;
const BATCH = 1_000;

/** Deletes the rows of a table that have outlived their use, a few at a time, now and then. */
export class OldRows {
  readonly #wakeUp = new WakeUp();
  #running: Promise<void> | undefined;
  #stopping = false;

  constructor(
    private readonly database: Database,
    /** Deletes up to $1 old rows and returns a row for each. It must skip what others have locked. */
    private readonly remove: Statement,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wakeUp.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      try {
        // Small transactions: a long one would hold back others and the vacuum.
        if ((await this.database.query(this.remove, [BATCH])).length === BATCH) continue;
      } catch (error) {
        this.logger.warn({ err: error }, `${this.remove.name} failed; that is tried again in an hour`);
      }
      await this.#wakeUp.sleep(HOUR_MS);
    }
  }
}
