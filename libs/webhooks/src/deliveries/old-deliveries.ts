import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Database } from '@past-tense/database';
import { LOGGER } from '@past-tense/service';
import type { Logger } from '@past-tense/telemetry';
import { OldRows } from '../old-rows';
import { TEST } from './delivery';

const KEEP_MS = 30 * 86_400_000;

const remove = {
  name: 'webhook-deliveries-delete-old',
  text: `DELETE FROM webhook_deliveries WHERE id = ANY(
           ARRAY(SELECT id FROM webhook_deliveries WHERE state = 'delivered' AND delivered_at < now() - $1 * interval '1 ms' LIMIT $2
                 FOR UPDATE SKIP LOCKED)
           || ARRAY(SELECT id FROM webhook_deliveries WHERE state = 'parked' AND type = '${TEST}' AND created_at < now() - $1 * interval '1 ms' LIMIT $2
                    FOR UPDATE SKIP LOCKED)) RETURNING 1 AS deleted`,
};

/** Deletes what was delivered more than 30 days ago, and tests that nobody took in that time. What else is parked stays. */
@Injectable()
export class OldDeliveries implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #rows: OldRows;

  constructor(database: Database, @Inject(LOGGER) logger: Logger) {
    const deleteSome = async (most: number) => (await database.query(remove, [KEEP_MS, most])).length;
    this.#rows = new OldRows('old webhook deliveries', deleteSome, logger);
  }

  onApplicationBootstrap(): void {
    this.#rows.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#rows.stop();
  }
}
