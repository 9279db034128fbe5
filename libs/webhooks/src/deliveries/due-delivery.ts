import type { Database, Statement, Transaction } from '@past-tense/database';
import type { Secret } from '../secrets';
import type { Answer } from './post';

/** A delivery that has been taken to be sent. */
export interface DueDelivery {
  readonly id: string;
  readonly subscription: string;
  readonly type: string;
  readonly body: string;
  readonly attempts: number;
  /** Until when it is taken, as PostgreSQL writes it: who settles a failure must still hold it. */
  readonly taken_until: string;
  readonly correlation_id: string | null;
  readonly traceparent: string | null;
  readonly tracestate: string | null;
  readonly url: string;
  readonly secrets: readonly Secret[];
  readonly status: 'active' | 'disabled';
}

/** Calls at once to one host (name and port), and for one owner, whichever instance makes them. */
export const MAX_CALLS = { perHost: 4, perOwner: 10 } as const;

/**
 * Takes up to $1 deliveries that are due. A host or an owner whose share of calls is in use is passed over, so those that answer slowly do not
 * hold up the others, and no attempt is used up by waiting. Walks from subscription to subscription through the index: its cost
 * does not grow with the backlog of one.
 * @param leaseMs milliseconds after which a delivery whose sender was killed is taken again
 */
export function takeDue(leaseMs: number): Statement {
  return {
    name: `webhook-deliveries-take-for-${leaseMs}`,
    text: `
      WITH RECURSIVE waiting AS (
        (SELECT subscription FROM webhook_deliveries WHERE state = 'waiting' ORDER BY subscription LIMIT 1)
        UNION ALL
        SELECT (SELECT later.subscription FROM webhook_deliveries AS later
                WHERE later.state = 'waiting' AND later.subscription > waiting.subscription ORDER BY later.subscription LIMIT 1)
        FROM waiting WHERE waiting.subscription IS NOT NULL
      ), busy AS MATERIALIZED (
        SELECT host, owner FROM webhook_deliveries AS taken JOIN webhook_subscriptions AS subscriptions ON subscriptions.id = taken.subscription
        WHERE taken.taken_until > now()
      ), due AS (
        SELECT first.id, first.next_attempt_at, host, owner,
               row_number() OVER (PARTITION BY host ORDER BY first.next_attempt_at) + (SELECT count(*) FROM busy WHERE busy.host = subscriptions.host) AS of_host
        FROM waiting JOIN webhook_subscriptions AS subscriptions ON subscriptions.id = waiting.subscription
        CROSS JOIN LATERAL (
          SELECT id, next_attempt_at FROM webhook_deliveries
          WHERE subscription = waiting.subscription AND state = 'waiting' AND next_attempt_at <= now()
          ORDER BY next_attempt_at LIMIT ${MAX_CALLS.perHost}
        ) AS first
      ), shares AS (
        SELECT id, next_attempt_at, of_host,
               row_number() OVER (PARTITION BY owner ORDER BY of_host, next_attempt_at) + (SELECT count(*) FROM busy WHERE busy.owner = due.owner) AS of_owner
        FROM due WHERE of_host <= ${MAX_CALLS.perHost}
      ), taken AS (
        SELECT id FROM webhook_deliveries
        WHERE id = ANY(ARRAY(SELECT id FROM shares WHERE of_owner <= ${MAX_CALLS.perOwner} ORDER BY of_host, next_attempt_at LIMIT $1))
          AND state = 'waiting' AND next_attempt_at <= now()
        FOR UPDATE SKIP LOCKED
      )
      UPDATE webhook_deliveries AS deliveries
      SET next_attempt_at = now() + interval '${leaseMs} ms', taken_until = now() + interval '${leaseMs} ms'
      FROM webhook_subscriptions AS subscriptions
      WHERE subscriptions.id = deliveries.subscription AND deliveries.id IN (SELECT id FROM taken)
      RETURNING deliveries.id, subscription, type, body, attempts, taken_until::text, correlation_id, traceparent, tracestate,
                url, secrets, status`,
  };
}

const delivered = {
  name: 'webhook-deliveries-delivered',
  text: `UPDATE webhook_deliveries SET state = 'delivered', attempts = attempts + 1, last_attempt_at = now(), last_status = $2, last_error = NULL,
           delivered_at = now(), next_attempt_at = NULL, taken_until = NULL
         WHERE id = $1 AND state <> 'delivered'`,
};
// A failure counts only for whoever still holds the delivery, and not if somebody has asked meanwhile to send it anew.
const HELD = `id = $1 AND state = 'waiting' AND taken_until = $2::timestamptz AND attempts = $3`;
const failed = {
  name: 'webhook-deliveries-failed',
  text: `UPDATE webhook_deliveries SET attempts = attempts + 1, last_attempt_at = now(), last_status = $4, last_error = $5,
           next_attempt_at = now() + $6 * interval '1 ms', taken_until = NULL
         WHERE ${HELD}`,
};
const parked = {
  name: 'webhook-deliveries-park',
  text: `UPDATE webhook_deliveries SET state = 'parked', attempts = attempts + 1, last_attempt_at = now(), last_status = $4, last_error = $5,
           next_attempt_at = NULL, taken_until = NULL
         WHERE ${HELD}`,
};
const unsent = {
  name: 'webhook-deliveries-park-unsent',
  text: `UPDATE webhook_deliveries SET state = 'parked', last_error = $4, next_attempt_at = NULL, taken_until = NULL WHERE ${HELD}`,
};
const putBack = {
  name: 'webhook-deliveries-put-back',
  text: `UPDATE webhook_deliveries SET next_attempt_at = now(), taken_until = NULL WHERE ${HELD}`,
};

type Failure = Extract<Answer, { ok: false }>;

const held = ({ id, taken_until: takenUntil, attempts }: DueDelivery) => [id, takenUntil, attempts];

/** Notes that the receiver has taken a delivery; true whoever holds it by now. */
export async function settleDelivered(database: Database, { id }: DueDelivery, status: number): Promise<void> {
  await database.query(delivered, [id, status]);
}

/** Notes a failed attempt, and when the next one is: in `delayMs` milliseconds. */
export async function settleFailed(database: Database, delivery: DueDelivery, { status, error }: Failure, delayMs: number): Promise<void> {
  await database.query(failed, [...held(delivery), status, error, delayMs]);
}

/** Notes a failed attempt that was the last one. */
export async function settleParked(transaction: Transaction | Database, delivery: DueDelivery, { status, error }: Failure): Promise<void> {
  await transaction.query(parked, [...held(delivery), status, error]);
}

/** Parks a delivery that was not sent, and says why. */
export async function settleUnsent(database: Database, delivery: DueDelivery, reason: string): Promise<void> {
  await database.query(unsent, [...held(delivery), reason]);
}

/** Makes a delivery due at once, as if it had not been taken. */
export async function settleUntried(database: Database, delivery: DueDelivery): Promise<void> {
  await database.query(putBack, held(delivery));
}
