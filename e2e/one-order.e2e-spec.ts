import { allTopics, OrderPlaced, topicOf } from '@past-tense/contracts';
import { newId } from '@past-tense/envelope';
import { SERVICES, type ServiceName } from '@past-tense/local';
import { deadLetterTopic, readTopic } from '@past-tense/messaging';
import { ask, eventually, OtlpReceiver, type ReceivedSpan } from '@past-tense/testing';
import { readFileSync } from 'node:fs';
import { System, type Entry, type PlacedOrder, type Wish } from './system';
import { faultsOf, pathTo, type Story } from './trace';

const CLIENT = 3;
const NO_FAULTS: string[] = [];
const SHORT_TIERS = { RETRY_TIER_DELAYS_MS: '200,300,6000', RETRY_ATTEMPTS: '2', RETRY_FIRST_DELAY_MS: '10' };

let receiver: OtlpReceiver;
let system: System;
beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  system = await System.start({ ...receiver.env, ...SHORT_TIERS });
});
afterAll(async () => {
  await system.end();
  await receiver.stop();
});

const stories: Record<Wish, { topics: string[]; status: string; order: object; books: object[] }> = {
  happy: {
    topics: ['order-placed', 'payment-captured', 'shipment-dispatched', 'order-completed'],
    status: 'completed',
    order: { status: 'completed' },
    books: [
      { kind: 'capture', accepted: true },
      { kind: 'parcel', accepted: true },
    ],
  },
  declined: {
    topics: ['order-placed', 'payment-declined', 'order-cancelled'],
    status: 'cancelled',
    order: { status: 'cancelled', cancellationReason: 'payment-declined' },
    books: [{ kind: 'capture', accepted: false }],
  },
  undeliverable: {
    topics: ['order-placed', 'payment-captured', 'shipment-rejected', 'order-cancelled', 'payment-refunded'],
    status: 'refunded',
    order: { status: 'cancelled', cancellationReason: 'undeliverable', refundedAt: expect.any(String) as string },
    books: [
      { kind: 'capture', accepted: true },
      { kind: 'parcel', accepted: false },
      { kind: 'refund', accepted: true },
    ],
  },
};

describe.each(Object.keys(stories) as Wish[])('one order, end to end (%s)', (wish) => {
  const story = stories[wish];
  const correlationId = newId();
  let placed: PlacedOrder;
  let entries: Entry[];

  beforeAll(async () => {
    placed = await system.place(wish, { headers: { 'X-Correlation-Id': correlationId } });
    entries = await system.untilOver(placed, wish);
  });

  it('happens in the order of causes, each fact once', async () => {
    expect(entries.map(({ topic }) => topic)).toEqual(story.topics);
    const { body } = await system.get('tracking', `/orders/${placed.orderId}/timeline`);
    expect(body).toMatchObject({ status: story.status, gaps: [] });
    await eventually(async () => expect((await system.get('orders', `/orders/${placed.orderId}`)).body).toMatchObject(story.order));
  });

  it('asked the outside world for no more than it needed', async () => {
    const { body } = await ask(`${system.stack.url('sandbox')}/books/${placed.orderId}`);

    expect((body as { entries: object[] }).entries).toEqual(
      story.books.map((entry) => expect.objectContaining({ ...entry, calls: 1 }) as object),
    );
  });

  it('has one correlation id, in every fact and every log line (V2)', async () => {
    expect(new Set(entries.map((entry) => entry.correlationId))).toEqual(new Set([correlationId]));
    const { body } = await system.get('tracking', `/flows/${correlationId}`);
    expect((body as { entries: Entry[] }).entries).toEqual(entries);

    const { traceId } = entries[0]!;
    const ids = entries.map(({ eventId }) => eventId);
    const lines = SERVICES.flatMap((service) => logLines(service)).filter(
      (line) => line.traceId === traceId || (line.eventId && ids.includes(line.eventId)),
    );
    expect(lines.filter((line) => line.correlationId !== correlationId)).toEqual([]);
    for (const { eventId, topic } of entries) {
      const messages = lines.filter((line) => line.eventId === eventId).map((line) => line.msg);
      expect(messages).toContain(`published ${topic}`);
      expect(messages).toContain(`handled ${topic}`);
    }
  });

  it('is one connected trace, parent by parent, from the request to the last consumer (V1)', async () => {
    const { traceId } = entries[0]!;
    expect(new Set(entries.map((entry) => entry.traceId))).toEqual(new Set([traceId]));
    const lastTopic = story.topics.at(-1)!;
    const spans = await eventually(() => {
      const found = receiver.ofTrace(traceId);
      expect(found.filter(({ name }) => name === `process ${lastTopic}`).length).toBeGreaterThan(0);
      expect(faultsOf(found, wish)).toEqual([]);
      for (const topic of story.topics) expect(consumersOf(found, topic)).toEqual(expectedConsumers[topic]);
      return found;
    });

    for (const topic of story.topics) {
      const [created] = spans.filter(({ name }) => name === `create ${topic}`);
      const sent = spans.filter(({ name }) => name === `send ${topic}`);
      expect(sent).toHaveLength(1);
      expect(sent[0]!.parentSpanId).toBe(created!.spanId);
      for (const processed of spans.filter(({ name }) => name === `process ${topic}`)) {
        expect(processed.parentSpanId).toBe(created!.spanId);
        expect(processed.attributes).toMatchObject({
          'messaging.system': 'kafka',
          'messaging.destination.name': topic,
          'messaging.message.conversation_id': correlationId,
          'messaging.consumer.group.name': processed.service,
        });
      }
    }
    expect(
      pathTo(
        spans,
        spans.find(({ name }) => name === `process ${lastTopic}`)!,
      ),
    ).toEqual(expectedPaths[wish]);
    // By OpenTelemetry's conventions a call that was refused (402, 422) is an error of the caller's span; nothing else failed.
    expect(spans.filter(({ failed, kind }) => failed && kind !== CLIENT)).toEqual([]);
  });
});

it('tells its figures: what was retried, dead-lettered, claimed, published, how long it took and how far behind it is (V3)', async () => {
  const metrics = async (service: ServiceName) => (await ask(`${system.stack.url(service)}/metrics`)).body as string;
  const sample = (text: string, name: string, ...labels: string[]) =>
    text.split('\n').find((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)));

  await eventually(async () => {
    const payments = await metrics('payments');
    expect(sample(payments, 'messaging_client_consumed_messages_total', 'messaging_destination_name="order-placed"')).toMatch(/ [1-9]/);
    expect(sample(payments, 'messaging_process_duration_count', 'messaging_consumer_group_name="payments"')).toMatch(/ [1-9]/);
    expect(sample(payments, 'past_tense_effects_delay_count', 'event_type="order.v1.OrderPlaced"')).toMatch(/ [1-9]/);
    expect(sample(payments, 'past_tense_dedup_claim_duration_count', 'consumer="payments"')).toMatch(/ [1-9]/);
    expect(sample(payments, 'past_tense_schemas_accepted_total', 'schema_version="1"')).toMatch(/ [1-9]/);
    expect(sample(payments, 'messaging_client_sent_messages_total', 'messaging_destination_name="payment-captured"')).toMatch(/ [1-9]/);
    expect(sample(payments, 'past_tense_consumer_lag', 'messaging_destination_name="order-placed"')).toMatch(/ 0$/);
    expect(sample(payments, 'past_tense_outbox_depth', 'rows="facts"')).toMatch(/ 0$/);
    expect(sample(payments, 'past_tense_outbox_oldest_age', 'rows="facts"')).toMatch(/ 0$/);
    expect(sample(payments, 'past_tense_breaker_state', 'dependency="the payment provider"')).toMatch(/ 0$/);
  });
  // Of the three topics for retries, the one where it stays long enough to be seen.
  await system.place('happy', { paymentToken: 'tok_nonsense' });
  await eventually(async () => {
    const payments = await metrics('payments');
    expect(sample(payments, 'past_tense_retries_total', 'place="retry-10m"')).toMatch(/ 1/);
    expect(sample(payments, 'past_tense_held_events', 'place="retry-10m"')).toMatch(/ 1/);
  });
});

describe('one trace for each order, whatever becomes of it', () => {
  const behave = async (failure: string) => {
    const { status } = await ask(`${system.stack.url('sandbox')}/behaviour/payments`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ failure }),
    });
    expect(status).toBe(200);
  };
  const traceOf = async ({ orderId }: PlacedOrder) => {
    const [first] = await eventually(async () => {
      const { body } = await system.get('tracking', `/orders/${orderId}/timeline`);
      const { entries } = body as { entries: { traceId: string }[] };
      expect(entries.length).toBeGreaterThan(0);
      return entries;
    });
    return first!.traceId;
  };
  /** Waits until the trace of an order is whole. */
  const wholeTrace = async (order: PlacedOrder, story: Story): Promise<ReceivedSpan[]> => {
    const traceId = await traceOf(order);
    return await eventually(() => {
      const spans = receiver.ofTrace(traceId);
      expect(faultsOf(spans, story)).toEqual(NO_FAULTS);
      return spans;
    }, 30_000);
  };
  const attempts = (spans: readonly ReceivedSpan[]) =>
    spans
      .filter(({ service, name }) => service === 'payments' && name === 'process order-placed')
      .sort((a, b) => Number(a.attributes['past_tense.attempt']) - Number(b.attributes['past_tense.attempt']));

  it('a retried order is one trace, each attempt linked to the one before (V1)', async () => {
    await behave('nonsense');
    const order = await system.place();
    await eventually(async () =>
      expect(await system.query('payments', `SELECT 1 FROM held_events WHERE aggregate_id = $1`, [order.orderId])).toHaveLength(1),
    );
    await behave('none');
    await system.untilOver(order, 'happy');

    const tries = attempts(await wholeTrace(order, 'retried'));
    expect(tries.length).toBeGreaterThan(2);
    expect(tries.map(({ failed }) => failed)).toEqual([...tries.slice(1).map(() => true), false]);
    for (const [i, { links }] of tries.slice(1).entries())
      expect(links).toContainEqual(expect.objectContaining({ spanId: tries[i]!.spanId }) as object);
  });

  it('a dead-lettered order is one trace, to the dead-letter topic (V1)', async () => {
    const order = await system.place('happy', { paymentToken: 'tok_nonsense' });

    const spans = await wholeTrace(order, 'dead-lettered');
    expect(spans.filter(({ name }) => name === 'move order-placed').map(({ attributes }) => attributes['past_tense.reason'])).toEqual(
      Array(4).fill('FAILED'),
    );
    const [letter] = (await readTopic(system.kafka, deadLetterTopic('payments'))).filter(({ key }) => key?.toString() === order.orderId);
    const sent = spans.find(({ name }) => name === 'send payments.dlq');
    expect(sent!.attributes).toMatchObject({
      'messaging.kafka.offset': Number(letter!.offset),
      'messaging.destination.partition.id': String(letter!.partition),
      'past_tense.correlation_id': order.correlationId,
    });
  });

  it('what nobody asked for is no trace: no transaction stands alone', () => {
    expect(receiver.spans.filter(({ name, parentSpanId }) => name === 'transaction' && !parentSpanId)).toEqual([]);
  });

  it('can be a trace for each hop instead, with links between them', async () => {
    for (const service of SERVICES.filter((name) => name !== 'sandbox')) {
      await system.stack.service(service)!.stop(8_000);
      await system.stack.startService(service, { TRACE_FLOW: 'linked' });
    }
    const order = await system.place();
    await system.untilOver(order, 'happy');
    const traceId = await traceOf(order);

    await eventually(() => {
      const first = receiver.ofTrace(traceId);
      expect(first.map(({ service }) => service)).toEqual(first.map(() => 'orders'));
      const created = first.find(({ name }) => name === 'create order-placed')!;
      const processed = receiver.spans.filter(
        ({ name, attributes }) => name === 'process order-placed' && attributes['past_tense.correlation_id'] === order.correlationId,
      );
      expect(processed.map(({ service }) => service).sort()).toEqual([...topicOf(OrderPlaced).consumers].sort());
      for (const { parentSpanId, links } of processed) {
        expect(parentSpanId).toBeUndefined();
        expect(links).toContainEqual(expect.objectContaining({ traceId, spanId: created.spanId }));
      }
      expect(new Set([traceId, ...processed.map((span) => span.traceId)]).size).toBe(1 + processed.length);
    });
  });
});

const expectedConsumers = Object.fromEntries(allTopics().map(({ name, consumers }) => [name, [...consumers].sort()]));

const hop = (service: string, from: string, to: string) => [
  `${service}: process ${from}`,
  `${service}: transaction`,
  `${service}: create ${to}`,
];
const request = ['orders: POST /orders', 'orders: transaction', 'orders: create order-placed'];
const expectedPaths: Record<Wish, string[]> = {
  happy: [
    ...request,
    ...hop('payments', 'order-placed', 'payment-captured'),
    ...hop('shipping', 'payment-captured', 'shipment-dispatched'),
    ...hop('orders', 'shipment-dispatched', 'order-completed'),
    'tracking: process order-completed',
  ],
  declined: [
    ...request,
    ...hop('payments', 'order-placed', 'payment-declined'),
    ...hop('orders', 'payment-declined', 'order-cancelled'),
    expect.stringMatching(/^(payments|tracking): process order-cancelled$/) as string,
  ],
  undeliverable: [
    ...request,
    ...hop('payments', 'order-placed', 'payment-captured'),
    ...hop('shipping', 'payment-captured', 'shipment-rejected'),
    ...hop('orders', 'shipment-rejected', 'order-cancelled'),
    ...hop('payments', 'order-cancelled', 'payment-refunded'),
    expect.stringMatching(/^(orders|tracking): process payment-refunded$/) as string,
  ],
};

function consumersOf(spans: readonly ReceivedSpan[], topic: string): string[] {
  // An event that came too early is processed once more by the same consumer.
  return [...new Set(spans.filter(({ name }) => name === `process ${topic}`).map(({ service }) => service))].sort();
}

interface LogLine {
  readonly msg: string;
  readonly traceId?: string;
  readonly eventId?: string;
  readonly correlationId?: string;
}

function logLines(service: string): LogLine[] {
  return readFileSync(system.stack.logFile(service), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LogLine);
}
