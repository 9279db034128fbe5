import { consume } from '../consuming';
import type { Comparison, Contender } from '../comparison';
import { accessTo, withStack } from '../running-stack';
import { publish } from './relay';
import { placeOrders } from './throughput';

const ROWS = 50_000;
const EVENTS = 20_000;
const ORDERS = 600;
const AT_ONCE = 64;
const CLIENTS = ['kafkajs', 'platformatic'] as const;
type Client = (typeof CLIENTS)[number];

const PARTS: Readonly<Record<string, { readonly what: string; readonly with: (client: Client) => Contender['run'] }>> = {
  relay: { what: `the relay, ${ROWS.toLocaleString('en')} rows`, with: (client) => (parts) => publish(parts, 'relay', ROWS, { client }) },
  consumer: {
    what: `the consumer, ${EVENTS.toLocaleString('en')} events, group commit`,
    with: (client) => (parts) => consume(parts, { events: EVENTS, options: { client } }),
  },
  whole: {
    what: `the real stack, ${ORDERS} orders, ${AT_ONCE} at once`,
    with: (client) => () =>
      withStack(async (stack) => await placeOrders(stack, await accessTo(stack), ORDERS, AT_ONCE), { KAFKA_CLIENT: client }),
  },
};

export const clients: Comparison = {
  name: 'clients',
  title: 'With the other Kafka client',
  work: 'The same relay, consumer and whole, with kafkajs as we mend it and with @platformatic/kafka; everything else is the same.',
  units: {
    perSecond: 'events/s, orders/s',
    cpuMsPerThousand: 'CPU of the process (of who places the orders), ms per 1,000',
    machineMsPerThousand: 'CPU of everything, ms per 1,000',
    p50Ms: 'p50, ms',
    p95Ms: 'p95, ms',
  },
  contenders: Object.entries(PARTS).flatMap(([part, { what, with: using }]) =>
    CLIENTS.map((client) => ({ name: `${part}, ${client}`, what: `${what}, with ${client}`, run: using(client) })),
  ),
  goals: Object.keys(PARTS).map((part) => ({ of: `${part}, platformatic`, beside: `${part}, kafkajs`, value: 'perSecond' })),
  rounds: 2,
};
