import { Client } from 'pg';
import { program } from '../program';
import type { StackAccess } from '../running-stack';
import { percentiles } from '../statistics';
import { until } from '../until';

export interface PlaceOrdersOptions extends StackAccess {
  readonly orders: number;
  /** Placed beforehand. */
  readonly warmUp: number;
  /** How many are on their way at once; the next one is placed when one of them has been completed. */
  readonly concurrency: number;
  /** Milliseconds between two looks at what has been completed. */
  readonly lookEveryMs: number;
}

const CUSTOMER = '019aa000-0000-7000-8000-00000000000c';
const FACTS_OF_AN_ORDER = 4;
const ORDER = JSON.stringify({
  customerId: CUSTOMER,
  lines: [{ sku: 'teapot', quantity: 1, unitPrice: { minorUnits: 3_499, currency: 'EUR' } }],
  paymentToken: 'tok_visa',
  deliveryAddress: { recipient: 'Ada', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' },
});
const completed = { name: 'bench-completed', text: `SELECT id FROM orders WHERE id = ANY($1) AND status = 'completed'` };
const countOrders = { name: 'bench-orders', text: 'SELECT count(*)::int AS rows FROM orders' };
const countFacts = { name: 'bench-timeline', text: 'SELECT count(*)::int AS rows FROM timeline' };

/** A customer of the whole system. */
program(async ({ orders, warmUp, concurrency, lookEveryMs, ...access }: PlaceOrdersOptions) => {
  const [database, tracking] = [access.ordersDatabase, access.trackingDatabase].map(
    (connectionString) => new Client({ connectionString }),
  ) as [Client, Client];
  await Promise.all([database.connect(), tracking.connect()]);
  const open = new Map<string, () => void>();
  let ended = false;
  const looking = (async () => {
    while (!ended) {
      if (open.size > 0) {
        const { rows } = await database.query<{ id: string }>({ ...completed, values: [[...open.keys()]] });
        for (const { id } of rows) {
          open.get(id)!();
          open.delete(id);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  })();

  const follow = async () => {
    const startedAt = performance.now();
    const orderId = await place(access);
    await new Promise<void>((resolve) => open.set(orderId, resolve));
    return performance.now() - startedAt;
  };
  const followAll = async (count: number) => {
    const tookMs: number[] = [];
    let left = count;
    const customer = async () => {
      while (left-- > 0) tookMs.push(await follow());
    };
    await Promise.all(Array.from({ length: concurrency }, customer));
    const { rows } = await database.query<{ rows: number }>(countOrders);
    const facts = rows[0]!.rows * FACTS_OF_AN_ORDER;
    await until(`tracking has the ${facts} facts of all orders`, async () => {
      const known = await tracking.query<{ rows: number }>(countFacts);
      return known.rows[0]!.rows === facts;
    });
    return tookMs;
  };
  await followAll(warmUp);
  return {
    run: async () => ({ events: orders, values: percentiles(await followAll(orders)) }),
    async end() {
      ended = true;
      await looking;
      await Promise.all([database.end(), tracking.end()]);
    },
  };
});

async function place({ ordersUrl, authorization }: StackAccess): Promise<string> {
  const answer = await fetch(`${ordersUrl}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: ORDER,
  });
  if (answer.status !== 202) throw new Error(`The order was answered with ${answer.status}: ${await answer.text()}`);
  return ((await answer.json()) as { orderId: string }).orderId;
}
