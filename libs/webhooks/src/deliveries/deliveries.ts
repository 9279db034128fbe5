import { Injectable } from '@nestjs/common';
import { Database } from '@past-tense/database';
import type { Delivery, DeliveryState } from './delivery';

const COLUMNS = `id, subscription, type, subject, state, attempts, next_attempt_at, last_attempt_at, last_status, last_error, created_at, delivered_at`;
// A UUID that sorts after every other: where the first page begins.
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

const ofSubscription = {
  name: 'webhook-deliveries-of-subscription',
  text: `SELECT ${COLUMNS} FROM webhook_deliveries WHERE subscription = $1 AND id < $2 AND ($3::text IS NULL OR state = $3) ORDER BY id DESC LIMIT $4`,
};
const parked = {
  name: 'webhook-deliveries-parked',
  text: `SELECT ${COLUMNS} FROM webhook_deliveries WHERE state = 'parked' AND id < $1 ORDER BY id DESC LIMIT $2`,
};
const find = {
  name: 'webhook-deliveries-find',
  text: `SELECT deliveries.state, subscriptions.status FROM webhook_deliveries AS deliveries
         JOIN webhook_subscriptions AS subscriptions ON subscriptions.id = deliveries.subscription
         WHERE deliveries.id = $1 AND ($2::uuid IS NULL OR subscription = $2)`,
};
// One that is being sent just now stays with whoever sends it; should that fail, it goes on with the first delay.
const again = {
  name: 'webhook-deliveries-again',
  text: `UPDATE webhook_deliveries SET state = 'waiting', attempts = 0,
           next_attempt_at = CASE WHEN taken_until > now() THEN next_attempt_at ELSE now() END
         WHERE id = $1 AND state <> 'delivered' RETURNING 1 AS changed`,
};
export interface Page {
  /** How many at most. */
  readonly limit: number;
  /** Id of the last delivery of the page before. */
  readonly cursor?: string | undefined;
}

/** Why a delivery is or is not sent again. */
export type Resending = 'accepted' | 'unknown' | 'delivered' | 'disabled';

/** The deliveries in the database of the service, for whoever looks at them. */
@Injectable()
export class Deliveries {
  constructor(private readonly database: Database) {}

  /** Those of a subscription, the newest first. */
  async ofSubscription(subscription: string, state: DeliveryState | undefined, { limit, cursor = LAST_ID }: Page): Promise<Delivery[]> {
    return await this.database.query<Delivery>(ofSubscription, [subscription, cursor, state, limit]);
  }

  /** Those that have been given up, whoever they are for, the newest first. */
  async parked({ limit, cursor = LAST_ID }: Page): Promise<Delivery[]> {
    return await this.database.query<Delivery>(parked, [cursor, limit]);
  }

  /**
   * Has a delivery sent again now, with the same id; its attempts start anew.
   * @param subscription that it must belong to; any if left out
   */
  async sendAgain(id: string, subscription?: string): Promise<Resending> {
    const [found] = await this.database.query<{ state: DeliveryState; status: string }>(find, [id, subscription]);
    if (!found) return 'unknown';
    if (found.status === 'disabled') return 'disabled';
    return (await this.database.query(again, [id])).length === 1 ? 'accepted' : 'delivered';
  }
}
