import { z } from 'zod';
import { mayActForAll, type Principal } from '@past-tense/auth';
import type { TimelineEntry } from '../domain/timeline';

const NOBODY = '00000000-0000-0000-0000-000000000000';

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

/** Whose orders the caller may see: those of one customer, or undefined for everybody's. */
export function visibleTo(caller: Principal): string | undefined {
  return mayActForAll(caller) ? undefined : (caller.customerId ?? NOBODY);
}

/** An entry as the API shows it. */
export function viewOf({ occurredAt, publishedAt, customerId: _, ...entry }: TimelineEntry): z.infer<typeof entryView> {
  return { ...entry, occurredAt: occurredAt.toISOString(), publishedAt: publishedAt.toISOString() };
}
