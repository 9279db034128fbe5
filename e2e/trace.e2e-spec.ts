import { OrderPlaced, topicOf } from '@past-tense/contracts';
import { SERVICES } from '@past-tense/local';
import { ask, eventually, OtlpReceiver, type ReceivedSpan } from '@past-tense/testing';
import { deadLetterTopic, readTopic } from '@past-tense/messaging';
import { System, type PlacedOrder } from './system';
import { faultsOf, type Story } from './trace';

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
