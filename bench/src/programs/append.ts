import type { Database } from '@past-tense/database';
import { KafkaProducer } from '@past-tense/messaging';
import { Outbox, Relay } from '@past-tense/outbox';
import { inFlow } from '@past-tense/telemetry';
import { aPlacing, ORDER_SCHEMAS, ORDER_TABLES, orderPlaced } from '../orders';
import { logger, outboxDatabase, untilPublished } from '../outbox-rows';
import { customersOf, personalDataIn, type Sealing } from '../personal';
import { program } from '../program';

export interface AppendOptions {
  readonly url: string;
  readonly transactions: number;
  /** Whether the fact is recorded. */
  readonly append: boolean;
  /** What becomes of the texts about the customer; `new customers` if left out. */
  readonly sealing?: Sealing;
  /** Where it is published meanwhile; nowhere if left out. */
  readonly broker?: string;
}

const CONCURRENCY = 10;
const WARM_UP = 1_000;

program(async ({ url, transactions, append, broker, sealing = 'new customers' }: AppendOptions) => {
  const database = await outboxDatabase(url);
  await database.query({ name: '', text: ORDER_TABLES });
  const producer = broker === undefined ? undefined : new KafkaProducer({ brokers: [broker], clientId: 'bench', logger });
  const relay = producer && new Relay({ database, publish: producer.publish, logger });
  relay?.start();
  const { personal, close } = await personalDataIn(url, { sealing });
  const outbox = new Outbox({
    producer: { name: 'orders', version: '1.0.0' },
    schemas: ORDER_SCHEMAS,
    personal,
    committed: () => relay?.wake(),
  });
  const customers = customersOf(sealing);
  await place(database, { orders: WARM_UP, customers }, append ? outbox : undefined);
  return {
    async run() {
      await place(database, { orders: transactions, customers }, append ? outbox : undefined);
      return { events: transactions };
    },
    async end() {
      await requireRows(database, 'orders', WARM_UP + transactions);
      await requireRows(database, 'jobs', WARM_UP + transactions);
      await requireRows(database, 'outbox', append ? WARM_UP + transactions : 0);
      if (relay) await untilPublished(database);
      await relay?.stop();
      await producer?.disconnect();
      await Promise.all([database.close(), close()]);
    },
  };
});

/** Places orders, some side by side, as requests do. */
async function place(
  database: Database,
  { orders, customers }: { orders: number; customers: () => string },
  outbox: Outbox | undefined,
): Promise<void> {
  let left = orders;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const { orderId, correlationId, placedAt, inserts } = aPlacing();
      await inFlow({ correlationId, causationId: correlationId }, () =>
        database.transaction(async (transaction) => {
          for (const [statement, values] of inserts) await transaction.query(statement, values);
          await outbox?.append(transaction, orderPlaced(orderId, customers()), 1, placedAt);
        }),
      );
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

async function requireRows(database: Database, table: string, wanted: number): Promise<void> {
  const [found] = await database.query<{ rows: number }>({
    name: `bench-count-${table}`,
    text: `SELECT count(*)::int AS rows FROM ${table}`,
  });
  if (found!.rows !== wanted) throw new Error(`There are ${found!.rows} rows in ${table}, and there must be ${wanted}.`);
}
