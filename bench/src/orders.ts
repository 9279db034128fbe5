import { fact, OrderPlaced, type Fact } from '@past-tense/contracts';
import type { Statement } from '@past-tense/database';
import { newId } from '@past-tense/envelope';

/** The business tables that an order is placed in: the order and the job that its customer follows. */
export const ORDER_TABLES = `
  CREATE TABLE orders (id uuid PRIMARY KEY, job_id uuid NOT NULL, correlation_id uuid NOT NULL, customer_id uuid NOT NULL, status text NOT NULL,
    lines jsonb NOT NULL, total_minor_units bigint NOT NULL, currency text NOT NULL, placed_at timestamptz NOT NULL, version bigint NOT NULL);
  CREATE TABLE jobs (id uuid PRIMARY KEY, kind text NOT NULL, owner text NOT NULL, subject uuid NOT NULL, correlation_id uuid NOT NULL,
    status text NOT NULL DEFAULT 'PENDING', created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL);`;

const insertOrder: Statement = {
  name: 'bench-insert-order',
  text: `INSERT INTO orders (id, job_id, correlation_id, customer_id, status, lines, total_minor_units, currency, placed_at, version)
         VALUES ($1, $2, $3, $4, 'placed', $5, $6, $7, $8, 1)`,
};
const insertJob: Statement = {
  name: 'bench-insert-job',
  text: `INSERT INTO jobs (id, kind, owner, subject, correlation_id, created_at, expires_at) VALUES ($1, 'place-order', $2, $3, $4, $5, $6)`,
};
const JOB_LASTS_MS = 86_400_000;
const LINES = [
  { sku: 'teapot', quantity: 1, unitPrice: { minorUnits: 3_499, currency: 'EUR' } },
  { sku: 'cup', quantity: 4, unitPrice: { minorUnits: 850, currency: 'EUR' } },
];
const TOTAL = { minorUnits: 6_899, currency: 'EUR' };

/** An order that is about to be placed. */
export interface Placing {
  readonly orderId: string;
  readonly correlationId: string;
  readonly placedAt: Date;
  /** What places it in the tables, one statement after the other. */
  readonly inserts: readonly (readonly [Statement, readonly unknown[]])[];
}

export function aPlacing(): Placing {
  const [orderId, jobId, correlationId, customerId, placedAt] = [newId(), newId(), newId(), newId(), new Date()];
  const order = [orderId, jobId, correlationId, customerId, JSON.stringify(LINES), TOTAL.minorUnits, TOTAL.currency, placedAt];
  const job = [jobId, customerId, orderId, correlationId, placedAt, new Date(placedAt.getTime() + JOB_LASTS_MS)];
  return {
    orderId,
    correlationId,
    placedAt,
    inserts: [
      [insertOrder, order],
      [insertJob, job],
    ],
  };
}

/** The fact that an order was placed, as the service orders states it. */
export function orderPlaced(orderId: string, customerId = newId()): Fact<typeof OrderPlaced> {
  const money = ({ minorUnits, currency }: typeof TOTAL) => ({ minorUnits: BigInt(minorUnits), currency });
  return fact(OrderPlaced, {
    orderId,
    customerId,
    lines: LINES.map((line) => ({ ...line, unitPrice: money(line.unitPrice) })),
    total: money(TOTAL),
    paymentToken: 'tok_visa',
    deliveryAddress: {
      recipient: 'Ada Lovelace',
      street: 'St. James’s Square 12',
      city: 'London',
      postalCode: 'SW1Y 4JH',
      country: 'GB',
    },
  });
}

/** What the registry would say of its schema. */
export const ORDER_SCHEMAS = new Map([['order.v1.OrderPlaced', { id: 1, version: 1 }]]);
