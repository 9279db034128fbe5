import { Inject, Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { currentFlow, currentTrace } from '@past-tense/telemetry';
import { Deliveries, type Resending } from './deliveries/deliveries';
import { TEST } from './deliveries/delivery';
import { Sender } from './deliveries/sender';
import { MAX_SUBSCRIPTIONS } from './subscriptions/subscription';

/** The types of events a service announces, each with a sentence for whoever wants to subscribe. */
export type WebhookEvents = Readonly<Record<string, string>>;

/** Injects the types of events of the service. */
export const WEBHOOK_EVENTS = Symbol('webhook events');

/** Something that happened, for those who subscribed to it. */
export interface Announcement {
  /** Whose subscriptions are told: the customer's id, or the subject of a token without a customer. */
  readonly owner: string;
  /** One of the types that the module was registered with. */
  readonly type: string;
  /** A UUID of what it is about: one announcement for each type and subject. */
  readonly subject: string;
  readonly occurredAt: Date;
  /** JSON, sent as it is. Keep it lean, and free of what the owner's receiver need not know. */
  readonly data: unknown;
}

// Locked, so that a subscription that is being deleted is passed over and does not make the transaction of the change fail.
const announce = {
  name: 'webhooks-announce',
  text: `WITH wanted AS (
           SELECT id FROM webhook_subscriptions WHERE owner = $1 AND status = 'active' AND $2 = ANY(events) FOR KEY SHARE)
         INSERT INTO webhook_deliveries (id, subscription, type, subject, body, correlation_id, traceparent, tracestate)
         SELECT ($8::uuid[])[row_number() OVER (ORDER BY id)], id, $2, $3::uuid, $4, $5, $6, $7 FROM wanted
         ON CONFLICT (subscription, type, subject) DO NOTHING`,
};
// One for each subscription, or asking for tests would fill the database. It gets a new id, because receivers pass over an id they know.
// One that is being sent just now stays: replaced again and again, it would make any number of calls at once, and only the last would count
// towards the shares of its host and its owner.
const test = {
  name: 'webhooks-test',
  text: `INSERT INTO webhook_deliveries AS before (id, subscription, type, subject, body)
         SELECT $1::uuid, id, '${TEST}', id, $3 FROM webhook_subscriptions WHERE id = $2 FOR KEY SHARE
         ON CONFLICT (subscription, type, subject) DO UPDATE
         SET id = excluded.id, body = excluded.body, state = 'waiting', attempts = 0, next_attempt_at = now(), taken_until = NULL,
             last_attempt_at = NULL, last_status = NULL, last_error = NULL, created_at = now(), delivered_at = NULL
         WHERE before.taken_until IS NULL OR before.taken_until <= now()
         RETURNING id`,
};
const forget = { name: 'webhooks-forget', text: 'DELETE FROM webhook_subscriptions WHERE owner = $1' };
const openTest = {
  name: 'webhooks-open-test',
  text: `SELECT id FROM webhook_deliveries WHERE subscription = $1 AND type = '${TEST}' AND subject = $1`,
};

/** Tells subscribers what happened. */
@Injectable()
export class Webhooks {
  constructor(
    private readonly database: Database,
    private readonly deliveries: Deliveries,
    private readonly sender: Sender,
    @Inject(WEBHOOK_EVENTS) private readonly events: WebhookEvents,
  ) {}

  /**
   * Records, in the transaction of the change, a delivery for each active subscription of the owner that wants the type. They are sent
   * after the commit. Announcing the same type and subject again sends nothing twice.
   * @throws Error if the type is not one that the module was registered with
   */
  async announce(transaction: Transaction, { owner, type, subject, occurredAt, data }: Announcement): Promise<void> {
    if (!Object.hasOwn(this.events, type))
      throw new Error(`Nobody can subscribe to ${type}; name it in WebhooksModule.register({ events }).`);
    const trace = currentTrace();
    await transaction.query(announce, [
      owner,
      type,
      subject,
      bodyOf(type, occurredAt, data),
      currentFlow()?.correlationId,
      trace?.traceparent,
      trace?.tracestate,
      Array.from({ length: MAX_SUBSCRIPTIONS }, newId),
    ]);
    transaction.afterCommit(() => this.sender.wake());
  }

  /** Deletes everything of an owner: their subscriptions, and what was sent or is to be sent to them. */
  async forget(transaction: Transaction, owner: string): Promise<void> {
    await transaction.query(forget, [owner]);
  }

  /**
   * Sends a `webhook.test` to one subscription, in the place of the test before; if that is being sent just now, it is the one.
   * @returns the id of the delivery; undefined if there is no such subscription
   */
  async test(subscription: string): Promise<string | undefined> {
    const [made] = await this.database.query<{ id: string }>(test, [newId(), subscription, bodyOf(TEST, new Date(), {})]);
    if (!made) return (await this.database.query<{ id: string }>(openTest, [subscription]))[0]?.id;
    this.sender.wake();
    return made.id;
  }

  /**
   * Has a delivery sent again now, with the same id; its attempts start anew.
   * @param subscription that it must belong to; any if left out
   */
  async sendAgain(id: string, subscription?: string): Promise<Resending> {
    const resending = await this.deliveries.sendAgain(id, subscription);
    if (resending === 'accepted') this.sender.wake();
    return resending;
  }
}

/** The body that Standard Webhooks recommends. */
function bodyOf(type: string, occurredAt: Date, data: unknown): string {
  return JSON.stringify({ type, timestamp: occurredAt.toISOString(), data });
}
