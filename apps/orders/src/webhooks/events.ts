import type { WebhookEvents } from '@past-tense/webhooks';

/** What a customer's own systems can be told. */
export const webhookEvents = {
  'job.succeeded': 'Something that was asked for has been done.',
  'job.failed': 'Something that was asked for cannot be done; the failure says what to do.',
  'order.completed': 'The parcel of an order is with the carrier.',
  'order.cancelled': 'An order ended without a delivery; what was charged is returned.',
} satisfies WebhookEvents;

export type WebhookEvent = keyof typeof webhookEvents;
