import { orderOf, PART_PORTS, SERVICE_PORTS, tokenOf, type ServiceName, type Wish } from '@past-tense/local';
import { ask, eventually } from '@past-tense/testing';
import type { Story } from '../trace';

interface Entry {
  readonly topic: string;
  readonly traceId: string;
}

export interface PlacedOrder {
  readonly orderId: string;
  readonly correlationId: string;
}

const WISH: Readonly<Record<Story, Wish>> = {
  happy: 'happy',
  declined: 'declined',
  undeliverable: 'undeliverable',
  retried: 'happy',
  'dead-lettered': 'happy',
};
/** The fact after which nothing more happens; a dead-lettered order stops after its first. */
const LAST: Readonly<Record<Story, string>> = {
  happy: 'order-completed',
  declined: 'order-cancelled',
  undeliverable: 'payment-refunded',
  retried: 'order-completed',
  'dead-lettered': 'order-placed',
};
/** A token with which the payment provider answers nonsense, so that capturing fails. */
const NONSENSE = 'tok_nonsense';

/** Address of a service of the running system, as somebody on this machine sees it. */
export function urlOf(service: ServiceName): string {
  return `http://127.0.0.1:${SERVICE_PORTS[service]}`;
}

/** The header of a customer of the running system. */
async function customer(): Promise<{ authorization: string }> {
  return { authorization: `Bearer ${await tokenOf(`http://127.0.0.1:${PART_PORTS.issuer}`, 'customer-1')}` };
}

export async function place(story: Story): Promise<PlacedOrder> {
  const wanted = { ...orderOf(WISH[story]), ...(story === 'dead-lettered' && { paymentToken: NONSENSE }) };
  const { status, body } = await ask(`${urlOf('orders')}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(await customer()) },
    body: JSON.stringify(wanted),
  });
  if (status !== 202) throw new Error(`The order was answered with ${status}.`);
  return body as PlacedOrder;
}

/** Waits until nothing more happens to an order; returns the id of its trace. */
export async function untilOver({ orderId }: PlacedOrder, story: Story, timeoutMs = 60_000): Promise<string> {
  const headers = await customer();
  return await eventually(async () => {
    const { body } = await ask(`${urlOf('tracking')}/orders/${orderId}/timeline`, { headers });
    const { entries = [] } = body as { entries?: Entry[] };
    if (!entries.some(({ topic }) => topic === LAST[story]))
      throw new Error(`Order ${orderId} (${story}) has got to ${entries.map(({ topic }) => topic).join(', ') || 'nothing'}.`);
    return entries[0]!.traceId;
  }, timeoutMs);
}

/** Lets the payment provider talk nonsense, or not any more. */
export async function letProviderFail(failing: boolean): Promise<void> {
  await ask(`${urlOf('sandbox')}/behaviour/payments`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ failure: failing ? 'nonsense' : 'none' }),
  });
}
