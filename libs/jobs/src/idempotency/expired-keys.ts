import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Database, OldRows } from '@past-tense/database';
import { LOGGER } from '@past-tense/service';
import type { Logger } from '@past-tense/telemetry';

const remove = {
  name: 'idempotency-keys-remove',
  text: `WITH expired AS MATERIALIZED (
           SELECT caller_key FROM idempotency_keys WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
         DELETE FROM idempotency_keys USING expired WHERE idempotency_keys.caller_key = expired.caller_key RETURNING 1`,
};

/** Deletes the answers whose time is over. */
@Injectable()
export class ExpiredKeys implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #rows: OldRows;

  constructor(database: Database, @Inject(LOGGER) logger: Logger) {
    this.#rows = new OldRows({ database, remove, logger });
  }

  onApplicationBootstrap(): void {
    this.#rows.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#rows.stop();
  }
}
