import { fact, OrderCompleted, OrderPlaced, PaymentCaptured, ShipmentDispatched, type Fact } from '@past-tense/contracts';
import { newId, type Envelope } from '@past-tense/envelope';
import { KafkaProducer } from '@past-tense/messaging';
import { createLogger } from '@past-tense/telemetry';
import { aRecord, eventually, serviceUnderTest, type ServiceUnderTest } from '@past-tense/testing';

const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });

let tracking: ServiceUnderTest;
let producer: KafkaProducer;
beforeAll(async () => {
  tracking = await serviceUnderTest(['tracking']);
  producer = new KafkaProducer({ brokers: tracking.brokers, clientId: 'test', logger });
});
afterAll(async () => {
  await producer.disconnect();
  await tracking.end();
});

const orderId = newId();
const correlationId = newId();
const second = (n: number) => new Date(Date.parse('2026-11-20T08:00:00Z') + n * 1000).toISOString();
const at = (n: number, happened: Fact, change: Partial<Envelope> = {}) =>
  aRecord(happened, { correlationId, occurredAt: second(n), ...change });
const captured = at(
  1,
  fact(PaymentCaptured, { paymentId: newId(), orderId, amount: { minorUnits: 1n, currency: 'EUR' }, providerReference: 'cap' }),
);
const dispatched = at(2, fact(ShipmentDispatched, { shipmentId: newId(), orderId, trackingNumber: 'PT1' }));
const completed = at(3, fact(OrderCompleted, { orderId }), { aggregateVersion: 2 });

describe('the timeline', () => {
  it('is in order whatever came first and however often, and says what is missing (D3)', async () => {
    await producer.publish([completed, dispatched, completed, captured, dispatched]);

    const { body } = await eventually(async () => {
      const answer = await tracking.get(`/orders/${orderId}/timeline`);
      expect((answer.body as { entries: object[] }).entries).toHaveLength(3);
      return answer;
    });
    expect(body).toMatchObject({
      orderId,
      status: 'completed',
      entries: [
        { topic: 'payment-captured', correlationId, aggregateVersion: 1, occurredAt: second(1) },
        { topic: 'shipment-dispatched', correlationId },
        {
          topic: 'order-completed',
          aggregateId: orderId,
          aggregateVersion: 2,
          eventId: completed.headers['ce_id'],
          traceId: completed.headers['traceparent']!.split('-')[1],
        },
      ],
      gaps: [{ aggregateId: orderId, missingVersions: [1] }],
    });
  });

  it('can be asked for by correlation id', async () => {
    const { body } = await tracking.get(`/flows/${correlationId}`);

    expect((body as { entries: { topic: string }[] }).entries.map(({ topic }) => topic)).toEqual([
      'payment-captured',
      'shipment-dispatched',
      'order-completed',
    ]);
  });

  it('of an order nobody has heard of is not found', async () => {
    expect((await tracking.get(`/orders/${newId()}/timeline`)).body).toMatchObject({
      status: 404,
      type: 'urn:past-tense:problem:timeline-not-found',
    });
    expect((await tracking.get(`/flows/${newId()}`)).status).toBe(404);
    expect((await tracking.get('/flows/nonsense')).status).toBe(400);
  });
});

describe('who may see it', () => {
  const mine = newId();
  const flow = newId();
  const customer = '019aa000-0000-7000-8000-000000000001';
  const placedBy = (orderId: string, customerId: string) =>
    aRecord(
      fact(OrderPlaced, {
        orderId,
        customerId,
        lines: [{ sku: 'cup', quantity: 1, unitPrice: { minorUnits: 500n, currency: 'EUR' } }],
        total: { minorUnits: 500n, currency: 'EUR' },
        paymentToken: 'tok_visa',
        deliveryAddress: { recipient: 'Ada', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' },
      }),
      { correlationId: flow },
    );
  const entriesFor = async (name: string) =>
    ((await tracking.get(`/flows/${flow}`, await tracking.as(name))).body as { entries?: { orderId: string }[] }).entries;

  it('is its customer, once it is known who that is, and support', async () => {
    const theirs = newId();
    await producer.publish([placedBy(mine, customer), placedBy(theirs, newId())]);
    await eventually(async () => expect(await entriesFor('support')).toHaveLength(2));

    expect((await entriesFor('customer-1'))!.map(({ orderId }) => orderId)).toEqual([mine]);
    expect((await tracking.get(`/orders/${theirs}/timeline`, await tracking.as('customer-1'))).status).toBe(404);
    expect((await tracking.get(`/orders/${mine}/timeline`, await tracking.as('customer-1'))).status).toBe(200);
    expect(await entriesFor('customer-2')).toBeUndefined();
    expect((await tracking.get(`/orders/${orderId}/timeline`, await tracking.as('customer-1'))).status).toBe(404);
  });
});
