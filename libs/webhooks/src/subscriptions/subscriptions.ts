import { Inject, Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { SETTINGS } from '@past-tense/service';
import { newSecret, rotated, type Secret } from '../secrets';
import type { WebhookSettings } from '../settings';
import { MAX_SUBSCRIPTIONS, type Subscription } from './subscription';

const COLUMNS = 'id, owner, url, events, secrets, status, created_at';

const lockOwner = {
  name: 'webhook-subscriptions-lock-owner',
  text: `SELECT pg_advisory_xact_lock(hashtextextended('webhooks of ' || $1, 0))`,
};
const count = {
  name: 'webhook-subscriptions-count',
  text: 'SELECT count(*)::int AS subscriptions FROM webhook_subscriptions WHERE owner = $1',
};
const insert = {
  name: 'webhook-subscriptions-insert',
  text: `INSERT INTO webhook_subscriptions (id, owner, url, host, events, secrets, status, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'active', $7) RETURNING ${COLUMNS}`,
};
const list = {
  name: 'webhook-subscriptions-list',
  text: `SELECT ${COLUMNS} FROM webhook_subscriptions WHERE owner = $1 ORDER BY id`,
};
const find = {
  name: 'webhook-subscriptions-find',
  text: `SELECT ${COLUMNS} FROM webhook_subscriptions WHERE owner = $1 AND id = $2`,
};
const lock = { name: 'webhook-subscriptions-lock', text: `${find.text} FOR NO KEY UPDATE` };
const change = {
  name: 'webhook-subscriptions-change',
  text: `UPDATE webhook_subscriptions SET url = coalesce($3, url), host = coalesce($4, host), events = coalesce($5, events), status = coalesce($6, status)
         WHERE owner = $1 AND id = $2 RETURNING ${COLUMNS}`,
};
const setSecrets = { name: 'webhook-subscriptions-set-secrets', text: 'UPDATE webhook_subscriptions SET secrets = $2 WHERE id = $1' };
// Only if the target is still the one that said it is gone.
const gone = {
  name: 'webhook-subscriptions-gone',
  text: `UPDATE webhook_subscriptions SET status = 'disabled' WHERE id = $1 AND url = $2`,
};
const deleteDeliveries = {
  name: 'webhook-subscriptions-delete-deliveries',
  text: `DELETE FROM webhook_deliveries WHERE id = ANY(ARRAY(SELECT id FROM webhook_deliveries WHERE subscription = $1 LIMIT $2)) RETURNING 1 AS deleted`,
};
const remove = { name: 'webhook-subscriptions-delete', text: 'DELETE FROM webhook_subscriptions WHERE id = $1' };

const BATCH = 2_000;
const HOUR_MS = 3_600_000;

/** What an owner may change about a subscription. */
export interface SubscriptionChange {
  /** Has been checked. */
  readonly url?: URL | undefined;
  readonly events?: readonly string[] | undefined;
  readonly status?: Subscription['status'] | undefined;
}

/** The subscriptions in the database of the service. Whose they are is part of every question: nobody finds another owner's. */
@Injectable()
export class Subscriptions {
  constructor(
    private readonly database: Database,
    @Inject(SETTINGS) private readonly settings: WebhookSettings,
  ) {}

  /**
   * Makes a subscription with its first secret.
   * @param url has been checked
   * @returns undefined if the owner has as many as allowed
   */
  async add(owner: string, url: URL, events: readonly string[]): Promise<Subscription | undefined> {
    const now = new Date();
    return await this.database.transaction(async (transaction) => {
      // Two requests at once must not both find a free place.
      await transaction.query(lockOwner, [owner]);
      const [found] = await transaction.query<{ subscriptions: number }>(count, [owner]);
      if (found!.subscriptions >= MAX_SUBSCRIPTIONS) return undefined;
      const values = [newId(), owner, url.href, url.host, events, JSON.stringify([newSecret(now)]), now];
      return (await transaction.query<Subscription>(insert, values))[0];
    });
  }

  /** All of an owner, the oldest first. */
  async list(owner: string): Promise<Subscription[]> {
    return await this.database.query<Subscription>(list, [owner]);
  }

  async find(owner: string, id: string): Promise<Subscription | undefined> {
    return (await this.database.query<Subscription>(find, [owner, id]))[0];
  }

  /** @returns the subscription as it is now; undefined if the owner has no such one */
  async change(owner: string, id: string, { url, events, status }: SubscriptionChange): Promise<Subscription | undefined> {
    const values = [owner, id, url?.href, url?.host, events, status];
    return (await this.database.query<Subscription>(change, values))[0];
  }

  /**
   * Gives a subscription a new secret; the one before signs along for the overlap.
   * @returns the secrets that sign now, the new one first; undefined if the owner has no such subscription
   */
  async rotate(owner: string, id: string, now = new Date()): Promise<readonly [Secret, ...Secret[]] | undefined> {
    return await this.database.transaction(async (transaction) => {
      const [subscription] = await transaction.query<Subscription>(lock, [owner, id]);
      if (!subscription) return undefined;
      const secrets = rotated(subscription.secrets, this.settings.WEBHOOK_SECRET_OVERLAP_HOURS * HOUR_MS, now);
      await transaction.query(setSecrets, [id, JSON.stringify(secrets)]);
      return secrets;
    });
  }

  /** Disables a subscription whose target says that it is gone for good. */
  async disable(transaction: Transaction, id: string, url: string): Promise<void> {
    await transaction.query(gone, [id, url]);
  }

  /**
   * Deletes a subscription and its deliveries, these in batches: there can be more than one statement may take.
   * @returns whether the owner had it
   */
  async delete(owner: string, id: string): Promise<boolean> {
    // Disabled first: what is cut short must not go on sending only a part of the deliveries.
    if (!(await this.change(owner, id, { status: 'disabled' }))) return false;
    while ((await this.database.query(deleteDeliveries, [id, BATCH])).length === BATCH);
    await this.database.query(remove, [id]);
    return true;
  }
}
