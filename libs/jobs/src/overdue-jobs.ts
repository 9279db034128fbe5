import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { BackgroundLoop, Database } from '@past-tense/database';
import { LOGGER } from '@past-tense/service';
import type { Logger } from '@past-tense/telemetry';
import { Jobs } from './jobs';

const EVERY_MS = 1_000;
const BATCH = 100;

/** Fails the jobs that do not end in time, so that nobody waits for ever. Every instance does it; no job is failed twice. */
@Injectable()
export class OverdueJobs implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #loop: BackgroundLoop;

  constructor(
    private readonly jobs: Jobs,
    private readonly database: Database,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#loop = new BackgroundLoop('Failing the jobs that are overdue', () => this.#round(), logger);
  }

  onApplicationBootstrap(): void {
    this.#loop.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#loop.stop();
  }

  async #round(): Promise<number> {
    const failed = await this.#fail(BATCH, []);
    if (failed.refused) await this.#failOneByOne();
    return failed.count === BATCH ? 0 : EVERY_MS;
  }

  /** One job whose listener throws must not hold up the others. */
  async #failOneByOne(): Promise<void> {
    const refused: string[] = [];
    while (refused.length < BATCH) {
      const { count, refused: job } = await this.#fail(1, refused);
      if (job) refused.push(job);
      else if (count === 0) return;
    }
  }

  /**
   * Fails some jobs in one transaction.
   * @returns how many it has failed, or the job whose listener threw; then it has failed none
   * @throws what the database says
   */
  async #fail(most: number, except: readonly string[]): Promise<{ count: number; refused?: string }> {
    let current: string | undefined;
    try {
      const count = await this.database.transaction(async (transaction) => {
        const overdue = await this.jobs.timeOut(transaction, most, except);
        for (const job of overdue) {
          current = job.id;
          await this.jobs.ended(transaction, job);
        }
        current = undefined;
        return overdue.length;
      });
      return { count };
    } catch (error) {
      if (current === undefined) throw error;
      this.logger.error(
        { err: error, jobId: current },
        'a job that is overdue cannot end, because its listener fails; that is tried again',
      );
      return { count: 0, refused: current };
    }
  }
}
