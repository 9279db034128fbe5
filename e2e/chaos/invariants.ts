import { eventually } from '@past-tense/testing';
import { CONSUMERS, type System, type Wish } from '../system';
import type { Wanted } from './load';

/** What must not happen, happened; each line says one thing. */
export class Violation extends Error {
  override name = 'Violation';
  constructor(readonly what: readonly string[]) {
    super(what.join('\n'));
  }
}

interface OrderState {
  id: string;
  customer_id: string;
  status: string;
  cancellation_reason: string | null;
  refunded: boolean;
  total: string;
}

const FACTS: Record<Wish, string[]> = {
  happy: ['order-completed', 'order-placed', 'payment-captured', 'shipment-dispatched'],
  declined: ['order-cancelled', 'order-placed', 'payment-declined'],
  undeliverable: ['order-cancelled', 'order-placed', 'payment-captured', 'payment-refunded', 'shipment-rejected'],
};
/** What the outside world has done for an order, as `kind accepted`. */
const BOOKS: Record<Wish, string[]> = {
  happy: ['capture true', 'parcel true'],
  declined: ['capture false'],
  undeliverable: ['capture true', 'parcel false', 'refund true'],
};
const ENDS: Record<Wish, string> = {
  happy: 'completed',
  declined: 'cancelled, payment-declined',
  undeliverable: 'cancelled, undeliverable, refunded',
};
const SETTLE_TIMEOUT_MS = 240_000;
const SHOWN = 5;

/**
 * Waits until the system has come to rest and checks what must hold then, from the databases, the sandbox's books and Kafka.
 * @returns figures worth reporting
 * @throws Violation
 */
export async function checkInvariants(system: System, wanted: readonly Wanted[]): Promise<Record<string, number>> {
  const orders = await allEnded(system, wanted);
  const broken = [
    ...(await bookkeeping(system, orders, wanted)),
    ...(await money(system, orders)),
    ...(await timelines(system, orders, wanted)),
    ...(await publishedInOrder(system)),
  ];
  if (broken.length > 0) throw new Violation(broken);
  await atRest(system);
  return { ordersAccepted: wanted.filter(({ orderId }) => orderId).length, ordersEnded: orders.length };
}

/** Every order that was accepted is there and has ended as it should; so have those whose answer nobody got. */
async function allEnded(system: System, wanted: readonly Wanted[]): Promise<OrderState[]> {
  const wishes = new Map(wanted.map(({ customerId, wish }) => [customerId, wish]));
  return await eventually(async () => {
    const orders = await system.query<OrderState>(
      'orders',
      `SELECT id, customer_id, status, cancellation_reason, refunded_at IS NOT NULL AS refunded, total_minor_units AS total
       FROM orders WHERE customer_id = ANY($1)`,
      [[...wishes.keys()]],
    );
    const found = new Map(orders.map((order) => [order.id, order]));
    const lost = wanted.filter(({ orderId }) => orderId !== undefined && !found.has(orderId));
    if (lost.length > 0) throw new Violation([`lost: ${lost.length} accepted orders are not there, such as ${lost[0]!.orderId}`]);
    const unended = orders.filter((order) => endOf(order) !== ENDS[wishes.get(order.customer_id)!]);
    if (unended.length > 0)
      throw new Violation([
        `not ended: ${unended.length} of ${orders.length} orders, such as ${unended
          .slice(0, SHOWN)
          .map((order) => `${order.id} (${endOf(order)}, wanted ${ENDS[wishes.get(order.customer_id)!]})`)
          .join(', ')}`,
      ]);
    return orders;
  }, SETTLE_TIMEOUT_MS);
}

function endOf({ status, cancellation_reason: reason, refunded }: OrderState): string {
  return [status, reason, refunded && 'refunded'].filter(Boolean).join(', ');
}

/** At most one capture, one parcel and one refund per order, and just those that belong to how it ended. */
async function bookkeeping(system: System, orders: readonly OrderState[], wanted: readonly Wanted[]): Promise<string[]> {
  const wishes = new Map(wanted.map(({ customerId, wish }) => [customerId, wish]));
  const rows = await system.query<{ reference: string; entries: string[] }>(
    'sandbox',
    `SELECT reference, array_agg(kind || ' ' || accepted ORDER BY kind) AS entries FROM books WHERE reference = ANY($1) GROUP BY reference`,
    [orders.map(({ id }) => id)],
  );
  const entered = new Map(rows.map(({ reference, entries }) => [reference, entries.join(', ')]));
  const wrong = orders.filter((order) => (entered.get(order.id) ?? '') !== BOOKS[wishes.get(order.customer_id)!].join(', '));
  return wrong
    .slice(0, SHOWN)
    .map((order) => `books of order ${order.id} (${endOf(order)}): ${entered.get(order.id) ?? 'empty'} [${wrong.length} such orders]`);
}

/** Captured is completed plus refunded, in money. */
async function money(system: System, orders: readonly OrderState[]): Promise<string[]> {
  const sums = await system.query<{ kind: string; sum: string }>(
    'sandbox',
    `SELECT kind, sum(minor_units) AS sum FROM books WHERE accepted AND minor_units IS NOT NULL AND reference = ANY($1) GROUP BY kind`,
    [orders.map(({ id }) => id)],
  );
  const sum = (kind: string) => BigInt(sums.find((row) => row.kind === kind)?.sum ?? 0);
  const completed = orders.filter(({ status }) => status === 'completed').reduce((total, order) => total + BigInt(order.total), 0n);
  if (sum('capture') === completed + sum('refund')) return [];
  return [`money: captured ${sum('capture')}, completed ${completed}, refunded ${sum('refund')}`];
}

/** Tracking has heard of every fact once, with no version missing. */
async function timelines(system: System, orders: readonly OrderState[], wanted: readonly Wanted[]): Promise<string[]> {
  const wishes = new Map(wanted.map(({ customerId, wish }) => [customerId, wish]));
  const load = async () => {
    const rows = await system.query<{ order_id: string; topics: string[]; gaps: number }>(
      'tracking',
      `SELECT order_id, array_agg(topic ORDER BY topic) AS topics,
              (SELECT count(*)::int FROM (SELECT max(aggregate_version) - count(*) AS missing FROM timeline AS t
                                          WHERE t.order_id = timeline.order_id GROUP BY aggregate_id) AS versions WHERE missing <> 0) AS gaps
       FROM timeline WHERE order_id = ANY($1) GROUP BY order_id`,
      [orders.map(({ id }) => id)],
    );
    const seen = new Map(rows.map((row) => [row.order_id, row]));
    const wrong = orders.filter((order) => {
      const row = seen.get(order.id);
      return row?.gaps !== 0 || row.topics.join() !== FACTS[wishes.get(order.customer_id)!].join();
    });
    return { wrong, seen };
  };
  const { wrong, seen } = await eventually(async () => {
    const loaded = await load();
    if (loaded.wrong.length > 0) throw new Violation(describe(loaded));
    return loaded;
  }, SETTLE_TIMEOUT_MS);
  return describe({ wrong, seen });

  function describe({ wrong, seen }: Awaited<ReturnType<typeof load>>): string[] {
    return wrong
      .slice(0, SHOWN)
      .map((order) => `timeline of order ${order.id}: ${seen.get(order.id)?.topics.join(', ') ?? 'empty'} [${wrong.length} such orders]`);
  }
}

/** No fact was published before an earlier one of its aggregate. */
async function publishedInOrder(system: System): Promise<string[]> {
  const broken: string[] = [];
  for (const service of CONSUMERS) {
    const rows = await system.query<{ aggregate_id: string }>(
      service,
      `SELECT later.aggregate_id FROM outbox AS later JOIN outbox AS earlier USING (aggregate_id)
       WHERE later.aggregate_version > earlier.aggregate_version AND later.published_at < earlier.published_at LIMIT ${SHOWN}`,
    );
    broken.push(...rows.map((row) => `${service} published the facts of ${row.aggregate_id} out of order`));
  }
  return broken;
}

/** Nothing waits: not in an outbox, not on a topic, not behind another event, and nothing is dead that should not be. */
async function atRest(system: System): Promise<void> {
  await eventually(async () => {
    const broken: string[] = [];
    for (const service of CONSUMERS) {
      const [row] = await system.query<{ outbox: number; held: string[] | null }>(
        service,
        `SELECT (SELECT count(*)::int FROM outbox WHERE published_at IS NULL) +
                (SELECT count(*)::int FROM outbox_forwards WHERE published_at IS NULL) AS outbox,
                (SELECT array_agg(place || ' ' || reason || ' ' || coalesce(event_type, '?') || ' ' || coalesce(error_message, ''))
                 FROM (SELECT * FROM held_events WHERE reason <> 'INVALID' LIMIT ${SHOWN}) AS held) AS held`,
      );
      if (row!.outbox > 0) broken.push(`${row!.outbox} rows wait in the outbox of ${service}`);
      for (const held of row!.held ?? []) broken.push(`${service} holds: ${held}`);
    }
    const lag = await system.lag();
    if (lag > 0) broken.push(`the lag is ${lag}`);
    if (broken.length > 0) throw new Violation(broken);
  }, SETTLE_TIMEOUT_MS);
}
