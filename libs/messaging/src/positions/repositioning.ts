import { BackgroundLoop, type Database } from '@past-tense/database';
import type { Logger } from '@past-tense/telemetry';
import { channel } from 'node:diagnostics_channel';
import { hostname } from 'node:os';
import { ResetRecords, type OpenMove } from './reset-records';

export interface RepositioningOptions {
  readonly consumer: string;
  readonly database: Database;
  /** Goes on elsewhere with those of the partitions that this member has. Returns those of which the group knows. */
  readonly reposition: (moves: readonly OpenMove[]) => Promise<readonly OpenMove[]>;
  readonly logger: Logger;
}

// A point at which the crash tests kill the process: the group knows the position, and the record does not.
const afterReposition = channel('past-tense.after-reposition');

// A look costs one look-up in an index that is empty nearly always. Who resets a position can wait for a second; a connection kept for being told
// would be one less for the work.
const EVERY_MS = 1_000;
const INSTANCE = `${hostname()}/${process.pid}`;

/**
 * Does the resets that were recorded, for the partitions this member has. A death between any two steps leaves the record open, and
 * whoever gets the partition does it once more: what was handled meanwhile is absorbed.
 */
export class Repositioning {
  readonly #options: RepositioningOptions;
  readonly #records: ResetRecords;
  readonly #loop: BackgroundLoop;

  constructor(options: RepositioningOptions) {
    this.#options = options;
    this.#records = new ResetRecords(options.database, options.consumer);
    this.#loop = new BackgroundLoop('looking for positions to reset', () => this.#round(), options.logger);
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  async #round(): Promise<number> {
    const open = await this.#records.open();
    if (open.length > 0) {
      const done = await this.#options.reposition(open);
      if (done.length > 0) afterReposition.publish(undefined);
      for (const move of done) await this.#note(move);
    }
    return EVERY_MS;
  }

  async #note(move: OpenMove): Promise<void> {
    const { consumer, logger } = this.#options;
    const { resetId, topic, partition, to } = move;
    await this.#records.done(move, INSTANCE);
    logger.info(
      { consumer, resetId, topic, partition, offset: String(to) },
      `${consumer} goes on elsewhere with ${topic}, partition ${partition}`,
    );
  }
}
