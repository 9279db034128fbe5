import { z } from 'zod';
import { DELIVERY_STATES } from '../deliveries/delivery';
import { malformed } from '../targets/targets';
import type { WebhookEvents } from '../webhooks';

const url = z
  .string()
  .superRefine((text, context) => {
    const message = malformed(text);
    if (message) context.addIssue({ code: 'custom', message });
  })
  .meta({ format: 'uri', pattern: '^https?://', maxLength: 2048 })
  .describe('Where to call: an https address whose every IP address is public, port 443 or from 1024 on, without user name and fragment.');

/** The types that may be subscribed to, each once. */
function eventList(events: WebhookEvents) {
  return z
    .array(z.enum(Object.keys(events), 'must be one of the types that are announced'))
    .min(1, 'must name at least one type')
    .refine((types) => new Set(types).size === types.length, 'must name each type once')
    .meta({ uniqueItems: true })
    .describe(
      Object.entries(events)
        .map(([type, description]) => `\`${type}\`: ${description}`)
        .join('\n\n'),
    );
}

/** What an owner sends to subscribe. */
export function subscribeRequest(events: WebhookEvents) {
  return z
    .strictObject({ url, events: eventList(events) })
    .meta({ example: { url: 'https://example.com/webhooks', events: Object.keys(events).slice(0, 2) } });
}
export type SubscribeRequest = z.infer<ReturnType<typeof subscribeRequest>>;

/** What an owner sends to change a subscription; what is left out stays. */
export function changeRequest(events: WebhookEvents) {
  return z
    .strictObject({
      url: url.optional(),
      events: eventList(events).optional(),
      status: z.enum(['active', 'disabled'], 'must be active or disabled').optional(),
    })
    .refine((change) => Object.keys(change).length > 0, 'must change something')
    .meta({ example: { status: 'active' } });
}
export type ChangeRequest = z.infer<ReturnType<typeof changeRequest>>;

const page = {
  limit: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(100, 'must be at most 100')
    .default(50),
  cursor: z.uuid('must be a cursor from the page before').optional(),
};

/** Which deliveries of a subscription are asked for. */
export const deliveriesQuery = z.strictObject({
  state: z.enum(DELIVERY_STATES, 'must be waiting, delivered or parked').optional(),
  ...page,
});
export type DeliveriesQuery = z.infer<typeof deliveriesQuery>;

/** Which of everybody's deliveries are asked for. */
export const parkedQuery = z.strictObject({ state: z.literal('parked', 'must be parked').default('parked'), ...page });
export type ParkedQuery = z.infer<typeof parkedQuery>;
