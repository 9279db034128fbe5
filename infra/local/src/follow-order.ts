import { setTimeout as sleep } from 'node:timers/promises';
import { Complaint } from './complaint';
import { tokenOf } from './issuer';

/** What the demo asks of an order. */
export type Wish = 'happy' | 'declined' | 'undeliverable';

export interface TimelineEntry {
  readonly topic: string;
  readonly eventId: string;
  readonly aggregateVersion: number;
  readonly correlationId: string;
  readonly producer: string;
  readonly occurredAt: string;
}

export interface FollowedOrder {
  readonly orderId: string;
  readonly correlationId: string;
  /** When the request was sent, milliseconds since 1970. */
  readonly requestedAtMs: number;
  readonly entries: readonly TimelineEntry[];
  /** Milliseconds from the request to the last fact. */
  readonly tookMs: number;
}

/** The fact after which nothing more happens to an order. */
const LAST_FACT: Record<Wish, string> = { happy: 'order-completed', declined: 'order-cancelled', undeliverable: 'payment-refunded' };
const POLL_MS = 25;
const CUSTOMER = 'customer-1';

/**
 * Places an order and waits until nothing more happens to it.
 * @throws Complaint if it is refused or does not end in time
 */
export async function followOrder(
  urls: { orders: string; tracking: string; issuer: string },
  wish: Wish,
  timeoutMs: number,
): Promise<FollowedOrder> {
  const authorization = `Bearer ${await tokenOf(urls.issuer, CUSTOMER)}`;
  const requestedAtMs = Date.now();
  const response = await fetch(`${urls.orders}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify(orderOf(wish)),
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (response.status !== 202) throw new Complaint(`The order was not accepted (status ${response.status}): ${await response.text()}`);
  const { orderId, correlationId } = (await response.json()) as { orderId: string; correlationId: string };
  const entries = await untilOver(`${urls.tracking}/orders/${orderId}/timeline`, authorization, LAST_FACT[wish], timeoutMs);
  return { orderId, correlationId, requestedAtMs, entries, tookMs: Date.parse(entries.at(-1)!.occurredAt) - requestedAtMs };
}

async function untilOver(timeline: string, authorization: string, lastFact: string, timeoutMs: number): Promise<TimelineEntry[]> {
  const deadline = Date.now() + timeoutMs;
  let seen: TimelineEntry[] = [];
  while (Date.now() < deadline) {
    const response = await fetch(timeline, { headers: { authorization }, signal: AbortSignal.timeout(5_000) });
    if (response.ok) {
      ({ entries: seen } = (await response.json()) as { entries: TimelineEntry[] });
      if (seen.some((entry) => entry.topic === lastFact)) return seen;
    }
    await sleep(POLL_MS);
  }
  throw new Complaint(
    `The order of ${timeline} did not get to ${lastFact} within ${timeoutMs / 1000} s; it got to ${seen.map((entry) => entry.topic).join(', ') || 'nothing'}. Read the log files of the services.`,
  );
}

/** An order that the sandbox lets succeed, declines or cannot deliver. */
export function orderOf(wish: Wish): object {
  return {
    lines: [
      { sku: 'teapot', quantity: 1, unitPrice: { minorUnits: 3_499, currency: 'EUR' } },
      { sku: 'cup', quantity: 4, unitPrice: { minorUnits: 850, currency: 'EUR' } },
    ],
    paymentToken: wish === 'declined' ? 'tok_declined' : 'tok_visa',
    deliveryAddress: {
      recipient: 'Ada Lovelace',
      street: 'St. James’s Square 12',
      city: 'London',
      postalCode: 'SW1Y 4JH',
      country: wish === 'undeliverable' ? 'AQ' : 'GB',
    },
  };
}
