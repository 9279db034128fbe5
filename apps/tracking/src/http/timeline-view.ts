import { z } from 'zod';
import { mayActFor, type Principal } from '@past-tense/auth';
import type { TimelineEntry } from '../domain/timeline';

const NOBODY = '';

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

/** The entries that the caller may see: those of their own orders, or all. */
export function visibleTo(caller: Principal, entries: readonly TimelineEntry[], customers: ReadonlyMap<string, string>): TimelineEntry[] {
  // Who placed an order may not have been heard of yet; until then it is nobody's.
  return entries.filter(({ orderId }) => mayActFor(caller, customers.get(orderId) ?? NOBODY));
}

/** An entry as the API shows it. */
export function viewOf({ occurredAt, publishedAt, customerId: _, ...entry }: TimelineEntry): z.infer<typeof entryView> {
  return { ...entry, occurredAt: occurredAt.toISOString(), publishedAt: publishedAt.toISOString() };
}
