/** A span as its receiver knows it, whoever that is. */
export interface TracedSpan {
  readonly service: string;
  readonly name: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

/** What an order can meet on its way, with the hops that its trace must show: `service: span`. */
export type Story = 'happy' | 'declined' | 'undeliverable' | 'retried' | 'dead-lettered';

const placed = [
  'orders: POST /orders',
  'orders: transaction',
  'orders: create order-placed',
  'orders: send order-placed',
  'payments: process order-placed',
  'shipping: process order-placed',
  'tracking: process order-placed',
  // The call to the payment provider, seen from both ends.
  'payments: POST',
];
const captured = [
  ...placed,
  'sandbox: POST /payments/captures',
  'payments: create payment-captured',
  'payments: send payment-captured',
  'orders: process payment-captured',
  'shipping: process payment-captured',
  'tracking: process payment-captured',
  'shipping: POST',
  'sandbox: POST /carrier/parcels',
];
const completed = [
  ...captured,
  'shipping: create shipment-dispatched',
  'shipping: send shipment-dispatched',
  'orders: process shipment-dispatched',
  'tracking: process shipment-dispatched',
  'orders: create order-completed',
  'orders: send order-completed',
  'tracking: process order-completed',
];
const cancelled = [
  'orders: create order-cancelled',
  'orders: send order-cancelled',
  'payments: process order-cancelled',
  'tracking: process order-cancelled',
];
const retried = ['payments: move order-placed', 'payments: send payments.retry-5s'];

const HOPS: Readonly<Record<Story, readonly string[]>> = {
  happy: completed,
  declined: [
    ...placed,
    'sandbox: POST /payments/captures',
    'payments: create payment-declined',
    'payments: send payment-declined',
    'orders: process payment-declined',
    'tracking: process payment-declined',
    ...cancelled,
  ],
  undeliverable: [
    ...captured,
    'shipping: create shipment-rejected',
    'shipping: send shipment-rejected',
    'orders: process shipment-rejected',
    'tracking: process shipment-rejected',
    ...cancelled,
    'sandbox: POST /payments/refunds',
    'payments: create payment-refunded',
    'payments: send payment-refunded',
    'orders: process payment-refunded',
    'tracking: process payment-refunded',
  ],
  retried: [...completed, ...retried],
  'dead-lettered': [
    ...placed,
    ...retried,
    'payments: send payments.retry-1m',
    'payments: send payments.retry-10m',
    'payments: send payments.dlq',
  ],
};

/** What every span of a message must say, by the operation it begins with. */
const SAID: Readonly<Record<string, readonly string[]>> = {
  create: ['messaging.destination.name', 'messaging.message.id', 'messaging.message.conversation_id', 'past_tense.aggregate_id'],
  send: [
    'messaging.destination.name',
    'messaging.destination.partition.id',
    'messaging.kafka.offset',
    'messaging.message.id',
    'messaging.message.conversation_id',
  ],
  process: [
    'messaging.destination.name',
    'messaging.destination.partition.id',
    'messaging.kafka.offset',
    'messaging.message.id',
    'messaging.message.conversation_id',
    'messaging.consumer.group.name',
    'past_tense.aggregate_id',
    'past_tense.attempt',
  ],
};

/**
 * What is wrong with the trace of an order: a span whose parent is missing, more than one root, a hop that is not there, a span that
 * does not say what it is about. Empty for a trace that is whole.
 */
export function faultsOf(spans: readonly TracedSpan[], story: Story): string[] {
  const known = new Set(spans.map(({ spanId }) => spanId));
  const names = new Set(spans.map(nameOf));
  const roots = spans.filter(({ parentSpanId }) => !parentSpanId).map(nameOf);
  return [
    ...spans.filter(({ parentSpanId }) => parentSpanId && !known.has(parentSpanId)).map((span) => `${nameOf(span)} is an orphan`),
    ...(roots.length === 1 ? [] : [`it has ${roots.length} roots: ${roots.join(', ')}`]),
    ...HOPS[story].filter((hop) => !names.has(hop)).map((hop) => `${hop} is missing`),
    ...spans.flatMap((span) =>
      (SAID[span.name.split(' ')[0]!] ?? [])
        .filter((attribute) => span.attributes[attribute] === undefined)
        .map((attribute) => `${nameOf(span)} does not say ${attribute}`),
    ),
  ];
}

/** The spans from the root to this one, as `service: name`. */
export function pathTo(spans: readonly TracedSpan[], span: TracedSpan): string[] {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  return [...(parent ? pathTo(spans, parent) : []), nameOf(span)];
}

function nameOf({ service, name }: TracedSpan): string {
  return `${service}: ${name}`;
}
