import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Database } from '@past-tense/database';
import { LOGGER } from '@past-tense/service';
import type { Logger } from '@past-tense/telemetry';
import { BackgroundLoop } from '../background-loop';

const EVERY_MS = 60_000;
const BATCH = 1_000;

const remove = {
  name: 'idempotency-keys-remove',
  text: `WITH expired AS MATERIALIZED (
           SELECT caller_key FROM idempotency_keys WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
         DELETE FROM idempotency_keys USING expired WHERE idempotency_keys.caller_key = expired.caller_key RETURNING 1`,
};

/** Deletes the answers whose time is over. Every instance does it. */
@Injectable()
export class ExpiredKeys implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #loop: BackgroundLoop;

  constructor(
    private readonly database: Database,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.#loop = new BackgroundLoop('Deleting idempotency keys that have expired', () => this.#round(), logger);
  }

  onApplicationBootstrap(): void {
    this.#loop.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#loop.stop();
  }

  async #round(): Promise<number> {
    const removed = await this.database.query(remove, [BATCH]);
    return removed.length === BATCH ? 0 : EVERY_MS;
  }
}
