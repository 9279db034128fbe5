import { ask, eventually, isolatedStack, type Answer, type IsolatedStack } from '@past-tense/testing';
import { allTopics } from '@past-tense/contracts';
import { consumerLag, deadLetterTopic, ownTopics, readTopic, type KafkaOptions, type StoredMessage } from '@past-tense/messaging';
import { createLogger } from '@past-tense/telemetry';
import { tokenOf, type ServiceName } from '@past-tense/local';
import { Client } from 'pg';

export type Wish = 'happy' | 'declined' | 'undeliverable';

export interface PlacedOrder {
  readonly orderId: string;
  readonly correlationId: string;
}

export interface Entry {
  readonly topic: string;
  readonly eventId: string;
  readonly correlationId: string;
  readonly traceId: string;
  readonly aggregateVersion: number;
}

export interface Totals {
  readonly kind: 'capture' | 'refund' | 'parcel';
  readonly accepted: boolean;
  readonly entries: number;
  readonly references: number;
  readonly calls: number;
}

/** What may differ from one order to the next. */
export interface Placing {
  readonly headers?: Record<string, string>;
  readonly customerId?: string;
  readonly paymentToken?: string;
}

const CUSTOMER = '019aa000-0000-7000-8000-00000000000c';
/** Where every parcel goes; only the country differs. */
export const ADDRESS = { recipient: 'Ada Lovelace', street: 'Main Street 1', city: 'Berlin', postalCode: '10115' } as const;
export const CONSUMERS = ['orders', 'payments', 'shipping', 'tracking'] as const;

/** What ends an order. */
export const LAST: Record<Wish, string> = { happy: 'order-completed', declined: 'order-cancelled', undeliverable: 'payment-refunded' };

/** Tables whose content is business state, by service. */
const STATE: Partial<Record<ServiceName, string>> = {
  orders: 'orders',
  payments: 'payments',
  shipping: 'shipments',
  tracking: 'timeline',
  sandbox: 'books',
};

/** The whole system on real parts, seen from outside. */
export class System {
  readonly kafka: KafkaOptions;

  private constructor(
    private readonly isolated: IsolatedStack,
    /** The header of somebody from support, who may see and do everything with orders. */
    private readonly support: { authorization: string },
  ) {
    const logger = createLogger({ service: 'e2e', version: '1', level: 'silent', format: 'json' });
    this.kafka = { brokers: [isolated.stack.kafka.broker], clientId: 'e2e', logger };
  }

  static async start(env: NodeJS.ProcessEnv = {}): Promise<System> {
    const isolated = await isolatedStack(env);
    await isolated.stack.startInfrastructure();
    await isolated.stack.startServices();
    return new System(isolated, { authorization: `Bearer ${await tokenOf(isolated.stack.issuer.url, 'support')}` });
  }

  get stack(): IsolatedStack['stack'] {
    return this.isolated.stack;
  }

  async end(): Promise<void> {
    await this.isolated.end();
  }

  /** @throws Error if the order was not accepted, or nobody knows */
  async place(wish: Wish = 'happy', { headers = {}, customerId = CUSTOMER, paymentToken }: Placing = {}): Promise<PlacedOrder> {
    const { status, body } = await ask(`${this.stack.url('orders')}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...this.support, ...headers },
      body: JSON.stringify({
        customerId,
        lines: [{ sku: 'teapot', quantity: 1, unitPrice: { minorUnits: 3499, currency: 'EUR' } }],
        paymentToken: paymentToken ?? (wish === 'declined' ? 'tok_declined' : 'tok_visa'),
        deliveryAddress: { ...ADDRESS, country: wish === 'undeliverable' ? 'AQ' : 'DE' },
      }),
    });
    if (status !== 202) throw new Error(`The order was answered with ${status}.`);
    return body as PlacedOrder;
  }

  /** Waits until nothing more happens to an order and returns what has happened. */
  async untilOver({ orderId }: PlacedOrder, wish: Wish, timeoutMs = 30_000): Promise<Entry[]> {
    return eventually(async () => {
      const { body } = await this.get('tracking', `/orders/${orderId}/timeline`);
      const { entries = [] } = body as { entries?: Entry[] };
      if (!entries.some(({ topic }) => topic === LAST[wish]))
        throw new Error(`Order ${orderId} (${wish}) has got to ${entries.map(({ topic }) => topic).join(', ') || 'nothing'}.`);
      return entries;
    }, timeoutMs);
  }

  /** Asks a service for something. */
  async get(service: ServiceName, path: string): Promise<Answer> {
    return await ask(`${this.stack.url(service)}${path}`, { headers: this.support });
  }

  /** What the outside world was asked to do, in all. */
  async books(): Promise<Totals[]> {
    return ((await ask(`${this.stack.url('sandbox')}/books`)).body as { totals: Totals[] }).totals;
  }

  /** Every business table, row by row. */
  async state(): Promise<Record<string, unknown[]>> {
    const state: Record<string, unknown[]> = {};
    for (const [service, table] of Object.entries(STATE))
      state[table] = await this.query(service as ServiceName, `SELECT * FROM ${table} ORDER BY 1`);
    return state;
  }

  async query<Row>(service: ServiceName, sql: string, values: unknown[] = []): Promise<Row[]> {
    const client = new Client({ connectionString: this.stack.postgres.url(service) });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(sql, values)).rows as Row[];
    } finally {
      await client.end();
    }
  }

  /** Every event on every topic. */
  async events(): Promise<StoredMessage[]> {
    const events: StoredMessage[] = [];
    for (const topic of allTopics()) events.push(...(await readTopic(this.kafka, topic.name)));
    return events;
  }

  /** Events that a consumer has not finished yet, over all consumers. */
  async lag(): Promise<number> {
    const consumed = (service: string) => [
      ...allTopics().flatMap(({ name, consumers }) => (consumers.includes(service) ? [name] : [])),
      ...ownTopics(service).filter((topic) => topic !== deadLetterTopic(service)),
    ];
    const lags = await Promise.all(CONSUMERS.map((service) => consumerLag(this.kafka, service, consumed(service))));
    return lags.flat().reduce((sum, { lag }) => sum + lag, 0);
  }
}
