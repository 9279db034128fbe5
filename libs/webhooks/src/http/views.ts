import { z } from 'zod';
import { DELIVERY_STATES, type Delivery } from '../deliveries/delivery';
import type { Subscription } from '../subscriptions/subscription';

const time = z.iso.datetime();
const ID = '019aa000-0000-7000-8000-0000000000a1';
const secret = z.string().describe('Signs what is sent. It is shown in this answer and never again.');
const SECRET = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDazfDRWPk1qY=';

const subscriptionFields = {
  id: z.uuid(),
  url: z.string(),
  events: z.array(z.string()),
  status: z.enum(['active', 'disabled']),
  createdAt: time,
};
const anExample = {
  id: ID,
  url: 'https://example.com/webhooks',
  events: ['job.succeeded'],
  status: 'active',
  createdAt: '2026-01-05T09:30:00.000Z',
};

export const subscriptionView = z.object(subscriptionFields).meta({ example: anExample });
export const subscriptionCreated = z.object({ ...subscriptionFields, secret }).meta({ example: { ...anExample, secret: SECRET } });
export const subscriptionList = z.object({ items: z.array(subscriptionView) }).meta({ example: { items: [anExample] } });
export const secretRotated = z
  .object({
    secret,
    previousValidUntil: time.optional().describe('Until then the secret before it signs along; absent if there is no overlap.'),
  })
  .meta({ example: { secret: SECRET, previousValidUntil: '2026-01-06T09:30:00.000Z' } });

const deliveryView = z.object({
  id: z.uuid().describe('The `webhook-id` of every attempt.'),
  subscriptionId: z.uuid(),
  type: z.string(),
  subject: z.uuid(),
  state: z.enum(DELIVERY_STATES),
  attempts: z.int(),
  nextAttemptAt: time.optional(),
  lastAttemptAt: time.optional(),
  lastStatus: z.int().optional(),
  lastError: z.string().optional(),
  createdAt: time,
  deliveredAt: time.optional(),
});
export const deliveryPage = z
  .object({
    items: z.array(deliveryView),
    nextCursor: z.uuid().optional().describe('Ask for the next page with it; absent on the last one.'),
  })
  .meta({
    example: {
      items: [
        {
          id: '019aa000-0000-7000-8000-0000000000d1',
          subscriptionId: ID,
          type: 'job.succeeded',
          subject: '019aa000-0000-7000-8000-0000000000b1',
          state: 'parked',
          attempts: 8,
          lastAttemptAt: '2026-01-06T13:05:00.000Z',
          lastStatus: 500,
          lastError: 'answered 500',
          createdAt: '2026-01-05T09:30:00.000Z',
        },
      ],
    },
  });
export const deliveryAccepted = z
  .object({ deliveryId: z.uuid() })
  .meta({ example: { deliveryId: '019aa000-0000-7000-8000-0000000000d1' } });

/** What an owner sees of a subscription: everything but its secrets. */
export function subscriptionOf({ id, url, events, status, created_at: createdAt }: Subscription): z.infer<typeof subscriptionView> {
  return { id, url, events: [...events], status, createdAt: createdAt.toISOString() };
}

/** A page of deliveries; one more than the limit was asked for, to know whether there is a next page. */
export function pageOf(found: readonly Delivery[], limit: number): z.infer<typeof deliveryPage> {
  const items = found.slice(0, limit).map(deliveryOf);
  return { items, nextCursor: found.length > limit ? items.at(-1)?.id : undefined };
}

function deliveryOf(delivery: Delivery): z.infer<typeof deliveryView> {
  return {
    id: delivery.id,
    subscriptionId: delivery.subscription,
    type: delivery.type,
    subject: delivery.subject,
    state: delivery.state,
    attempts: delivery.attempts,
    nextAttemptAt: delivery.next_attempt_at?.toISOString(),
    lastAttemptAt: delivery.last_attempt_at?.toISOString(),
    lastStatus: delivery.last_status ?? undefined,
    lastError: delivery.last_error ?? undefined,
    createdAt: delivery.created_at.toISOString(),
    deliveredAt: delivery.delivered_at?.toISOString(),
  };
}
