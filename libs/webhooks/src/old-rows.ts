import { WakeUp } from '@past-tense/database';
import type { Logger } from '@past-tense/telemetry';

const EVERY_MS = 600_000;
const BATCH = 1_000;

/** Deletes what is old, at the start and every ten minutes, one batch after the other. Every instance does it. */
export class OldRows {
  readonly #wakeUp = new WakeUp();
  #running: Promise<void> | undefined;
  #stopping = false;

  /**
   * @param name what they are, for the log
   * @param deleteSome deletes some, at most about as many as it is told, and returns how many; fewer means that none are left.
   *   It must skip what others have locked: several instances delete at once.
   */
  constructor(
    private readonly name: string,
    private readonly deleteSome: (most: number) => Promise<number>,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.#running ??= this.#run();
  }

  /** Begins no more batches, and returns when the current one is done. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wakeUp.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const more = await this.#deleteBatch();
      if (!more) await this.#wakeUp.sleep(EVERY_MS);
    }
  }

  async #deleteBatch(): Promise<boolean> {
    try {
      return (await this.deleteSome(BATCH)) >= BATCH;
    } catch (error) {
      this.logger.warn({ err: error }, `${this.name} could not be deleted; that is tried again`);
      return false;
    }
  }
}
