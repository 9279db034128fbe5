/** One fact about an order, as it stands in the timeline. */
export interface TimelineEntry {
  readonly eventId: string;
  readonly orderId: string;
  /** The customer of the order; only the fact that it was placed says who that is. */
  readonly customerId?: string | null;
  readonly topic: string;
  readonly eventType: string;
  readonly aggregateId: string;
  readonly aggregateVersion: number;
  readonly correlationId: string;
  readonly causationId: string;
  readonly producer: string;
  readonly traceId: string;
  readonly occurredAt: Date;
  readonly publishedAt: Date;
}

/** Facts that must exist, because later ones of the same aggregate do, and have not arrived. */
export interface Gap {
  readonly aggregateId: string;
  readonly missingVersions: readonly number[];
}

/** Entries in the order in which they happened. */
export function inOrder(entries: readonly TimelineEntry[]): TimelineEntry[] {
  return [...entries].sort((a, b) => a.occurredAt.getTime() - b.occurredAt.getTime() || (a.eventId < b.eventId ? -1 : 1));
}

/** The gaps in what is known. A late arrival closes its gap. */
export function gapsIn(entries: readonly TimelineEntry[]): Gap[] {
  const versions = new Map<string, Set<number>>();
  for (const { aggregateId, aggregateVersion } of entries)
    versions.set(aggregateId, (versions.get(aggregateId) ?? new Set()).add(aggregateVersion));
  return [...versions].flatMap(([aggregateId, known]) => {
    const missingVersions = Array.from({ length: Math.max(...known) }, (_, i) => i + 1).filter((version) => !known.has(version));
    return missingVersions.length > 0 ? [{ aggregateId, missingVersions }] : [];
  });
}

/** How an order stands, from its facts alone; the order in which they arrived makes no difference. */
export function statusOf(
  entries: readonly TimelineEntry[],
): 'placed' | 'paid' | 'dispatched' | 'delivered' | 'completed' | 'cancelled' | 'refunded' {
  const happened = new Set(entries.map((entry) => entry.topic));
  if (happened.has('payment-refunded')) return 'refunded';
  if (happened.has('order-cancelled')) return 'cancelled';
  if (happened.has('shipment-delivered')) return 'delivered';
  if (happened.has('order-completed')) return 'completed';
  if (happened.has('shipment-dispatched')) return 'dispatched';
  return happened.has('payment-captured') ? 'paid' : 'placed';
}
