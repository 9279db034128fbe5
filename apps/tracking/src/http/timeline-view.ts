import { z } from 'zod';
import type { TimelineEntry } from '../domain/timeline';

export const entryView = z.object({
  topic: z.string(),
  eventId: z.uuid(),
  eventType: z.string(),
  orderId: z.uuid(),
  aggregateId: z.string(),
  aggregateVersion: z.int(),
  correlationId: z.uuid(),
  causationId: z.uuid(),
  producer: z.string(),
  traceId: z.string(),
  occurredAt: z.iso.datetime(),
  publishedAt: z.iso.datetime(),
});

/** An entry as the API shows it. */
export function viewOf({ occurredAt, publishedAt, ...entry }: TimelineEntry): z.infer<typeof entryView> {
  return { ...entry, occurredAt: occurredAt.toISOString(), publishedAt: publishedAt.toISOString() };
}
