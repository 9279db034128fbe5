import type { Logger } from '@past-tense/telemetry';
import { WakeUp } from './wake-up';

const FIRST_BACK_OFF_MS = 500;
const MAX_BACK_OFF_MS = 5_000;

/** Does something again and again until it is stopped. A failing round is logged and tried again, later each time. */
export class BackgroundLoop {
  readonly #wakeUp = new WakeUp();
  #running: Promise<void> | undefined;
  #stopping = false;

  /**
   * @param name what is done, for the log
   * @param round does it once and returns the milliseconds to wait until the next round; 0 goes on at once
   */
  constructor(
    private readonly name: string,
    private readonly round: () => Promise<number>,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.#running ??= this.#run();
  }

  /** The next round begins at once. */
  wake(): void {
    this.#wakeUp.wake();
  }

  /** Begins no more rounds, and returns when the current one is done. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stopping) {
      try {
        const waitMs = await this.round();
        failures = 0;
        if (waitMs > 0) await this.#wakeUp.sleep(waitMs);
      } catch (error) {
        failures += 1;
        this.logger.warn({ err: error, failures }, `${this.name} failed; that is tried again`);
        await this.#backOff(Math.min(MAX_BACK_OFF_MS, FIRST_BACK_OFF_MS * failures));
      }
    }
  }

  /** What wakes the loop must not hurry it while the database is away. */
  async #backOff(ms: number): Promise<void> {
    const until = Date.now() + ms;
    for (let left = ms; left > 0 && !this.#stopping; left = until - Date.now()) await this.#wakeUp.sleep(left);
  }
}
