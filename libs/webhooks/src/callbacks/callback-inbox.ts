import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Database, OldRows, type Transaction } from '@past-tense/database';
import { LOGGER, Problem } from '@past-tense/service';
import type { Logger } from '@past-tense/telemetry';

const accept = {
  name: 'received-callbacks-accept',
  text: 'INSERT INTO received_callbacks (id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING 1 AS accepted',
};
// A replayed call is good for ten minutes at most. A sender that lost our answer signs the same id anew, though, for a day or more.
const forget = {
  name: 'received-callbacks-forget',
  text: `DELETE FROM received_callbacks WHERE id = ANY(ARRAY(
           SELECT id FROM received_callbacks WHERE received_at < now() - interval '7 days' LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1 AS forgotten`,
};

/** The ids of callbacks that had their effect. Those from more than seven days ago are forgotten: no sender sends them any more. */
@Injectable()
export class CallbackInbox implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #old: OldRows;

  constructor(database: Database, @Inject(LOGGER) logger: Logger) {
    this.#old = new OldRows({ database, remove: forget, logger });
  }

  /**
   * Claims a callback in the transaction of its effect: true for the first to do so, false for one that was received before. A rollback
   * takes the claim back. Of two transactions with the same id at once, the second waits for the first to end.
   * @param webhookId the verified `webhook-id`
   */
  async accept(transaction: Transaction, webhookId: string): Promise<boolean> {
    return (await transaction.query(accept, [webhookId])).length === 1;
  }

  onApplicationBootstrap(): void {
    this.#old.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#old.stop();
  }
}

/** The answer to a callback that was received before: its effect is there, and nothing happens twice. */
export function callbackReplayed(): Problem {
  return new Problem(409, 'callback-replayed', 'Callback replayed', 'This callback was received before; its effect is there already.');
}
