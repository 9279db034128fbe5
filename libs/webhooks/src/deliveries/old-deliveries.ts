import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Database, OldRows } from '@past-tense/database';
import { LOGGER } from '@past-tense/service';
import type { Logger } from '@past-tense/telemetry';
import { TEST } from './delivery';

const remove = {
  name: 'webhook-deliveries-delete-old',
  text: `DELETE FROM webhook_deliveries WHERE id = ANY(
           ARRAY(SELECT id FROM webhook_deliveries WHERE state = 'delivered' AND delivered_at < now() - interval '30 days' LIMIT $1
                 FOR UPDATE SKIP LOCKED)
           || ARRAY(SELECT id FROM webhook_deliveries WHERE state = 'parked' AND type = '${TEST}' AND created_at < now() - interval '30 days' LIMIT $1
                    FOR UPDATE SKIP LOCKED)) RETURNING 1 AS deleted`,
};

/** Deletes what was delivered more than 30 days ago, and tests that nobody took in that time. What else is parked stays. */
@Injectable()
export class OldDeliveries implements OnApplicationBootstrap, OnApplicationShutdown {
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
