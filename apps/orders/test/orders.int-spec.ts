import {
  CustomerForgotten,
  decode,
  fact,
  isSealed,
  OrderCancelled,
  OrderCancelled_Reason,
  OrderCompleted,
  OrderPlaced,
  personalTextsOf,
  PaymentCaptured,
  PaymentDeclined,
  PaymentDeclined_Reason,
  PaymentRefunded,
  ShipmentDispatched,
  ShipmentRejected,
  ShipmentRejected_Reason,
  type Fact,
} from '@past-tense/contracts';
import { fromHeaders, newId, type Envelope } from '@past-tense/envelope';
import { KafkaProducer, readTopic, type KafkaOptions } from '@past-tense/messaging';
import { createLogger } from '@past-tense/telemetry';
import { aRecord, eventually, serviceUnderTest, type ServiceUnderTest } from '@past-tense/testing';

const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });
const request = {
  customerId: newId(),
  lines: [
    { sku: 'teapot', quantity: 2, unitPrice: { minorUnits: 1999, currency: 'EUR' } },
    { sku: 'cup', quantity: 1, unitPrice: { minorUnits: 500, currency: 'EUR' } },
  ],
  paymentToken: 'tok_visa',
  deliveryAddress: { recipient: 'Ada', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' },
};

let orders: ServiceUnderTest;
let kafka: KafkaOptions;
let producer: KafkaProducer;
beforeAll(async () => {
  orders = await serviceUnderTest(['orders']);
  kafka = { brokers: orders.brokers, clientId: 'test', logger };
  producer = new KafkaProducer(kafka);
});
afterAll(async () => {
  await producer.disconnect();
  await orders.end();
});

const place = async (): Promise<{ orderId: string; correlationId: string; jobId: string }> =>
  (await orders.post('/orders', request)).body as never;
const publish = (...facts: Fact[]) => producer.publish(facts.map((happened) => aRecord(happened)));
const statusOf = async (orderId: string): Promise<string> => ((await orders.get(`/orders/${orderId}`)).body as { status: string }).status;
const untilStatus = (orderId: string, status: string) => eventually(async () => expect(await statusOf(orderId)).toBe(status));
async function published(topic: string, orderId: string): Promise<{ envelope: Envelope; value: Buffer }[]> {
  return (await readTopic(kafka, topic))
    .filter(({ key }) => key?.toString() === orderId)
    .map(({ headers, value }) => ({ envelope: fromHeaders(headers), value: value! }));
}
const untilPublished = (topic: string, orderId: string) =>
  eventually(async () => {
    const [first] = await published(topic, orderId);
    expect(first).toBeDefined();
    return first!;
  });
const captured = (orderId: string) =>
  fact(PaymentCaptured, { paymentId: newId(), orderId, amount: { minorUnits: 4498n, currency: 'EUR' }, providerReference: 'cap' });
const dispatched = (orderId: string) => fact(ShipmentDispatched, { shipmentId: newId(), orderId, trackingNumber: 'PT1' });

describe('POST /orders (C2)', () => {
  it('answers 202 with the ids, and publishes the fact', async () => {
    const correlationId = newId();
    const { status, headers, body } = await orders.post('/orders', request, { 'X-Correlation-Id': correlationId });

    expect(status).toBe(202);
    expect(body).toEqual({ jobId: expect.any(String) as string, orderId: expect.any(String) as string, correlationId, status: 'PENDING' });
    const { orderId, jobId } = body as { orderId: string; jobId: string };
    expect(headers.get('location')).toBe(`/jobs/${jobId}`);
    expect(headers.get('retry-after')).toBe('1');
    expect(headers.get('x-correlation-id')).toBe(correlationId);

    const { envelope, value } = await untilPublished('order-placed', orderId);
    expect(envelope).toMatchObject({
      aggregateId: orderId,
      aggregateVersion: 1,
      correlationId,
      eventType: 'order.v1.OrderPlaced',
      schemaOwner: 'ordering',
      producer: { name: 'orders', version: '1.0.0' },
    });
    const placed = decode(OrderPlaced, value);
    expect(placed).toMatchObject({ orderId, customerId: request.customerId, total: { minorUnits: 4498n, currency: 'EUR' } });
    expect(personalTextsOf(OrderPlaced, placed).filter(({ text }) => !isSealed(text))).toEqual([]);
  });

  it('names every wrong field in a problem document', async () => {
    const { status, headers, body } = await orders.post('/orders', {
      ...request,
      customerId: 'me',
      lines: [{ sku: '', quantity: 0, unitPrice: { minorUnits: 1.5, currency: 'euro' } }],
      surprise: 1,
    });

    expect(status).toBe(400);
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(body).toMatchObject({ type: 'urn:past-tense:problem:invalid-request', status: 400, instance: '/orders' });
    expect((body as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer).sort()).toEqual([
      '/customerId',
      '/lines/0/quantity',
      '/lines/0/sku',
      '/lines/0/unitPrice/currency',
      '/lines/0/unitPrice/minorUnits',
      '/surprise',
    ]);
  });

  it.each([
    ['that is not JSON', '{"customerId":', 400, 'The body is not JSON that can be read.'],
    ['that is empty', '', 400, 'fields are not as the API describes them'],
    ['that is a list', '[]', 400, 'not as the API describes'],
    ['that is too large', JSON.stringify({ filler: 'x'.repeat(200_000) }), 413, 'The body is too large.'],
  ])('refuses a body %s', async (_, body, status, detail) => {
    const answer = await orders.post('/orders', body);

    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(String((answer.body as { detail: string }).detail)).toContain(detail);
  });

  it('refuses an order that makes no sense as a whole', async () => {
    const lines = [...request.lines, { sku: 'spoon', quantity: 1, unitPrice: { minorUnits: 1, currency: 'USD' } }];

    expect((await orders.post('/orders', { ...request, lines })).body).toMatchObject({
      type: 'urn:past-tense:problem:mixed-currencies',
      status: 422,
    });
  });
});

describe('an order', () => {
  it('completes when its parcel is dispatched', async () => {
    const { orderId, correlationId } = await place();
    await publish(captured(orderId), dispatched(orderId));

    await untilStatus(orderId, 'completed');
    const { envelope, value } = await untilPublished('order-completed', orderId);
    expect(envelope).toMatchObject({ aggregateId: orderId, aggregateVersion: 2 });
    expect(envelope.correlationId).not.toBe(correlationId); // The test's dispatch began a flow of its own.
    expect(decode(OrderCompleted, value)).toMatchObject({ orderId });
  });

  it('completes although its payment is heard of only after that', async () => {
    const { orderId } = await place();
    await publish(dispatched(orderId));
    await untilStatus(orderId, 'completed');
    await publish(captured(orderId));

    await eventually(async () =>
      expect((await orders.get(`/orders/${orderId}`)).body).toMatchObject({ status: 'completed', paidAt: expect.any(String) as string }),
    );
  });

  it('is cancelled with the reason when the payment is declined', async () => {
    const { orderId } = await place();
    await publish(fact(PaymentDeclined, { paymentId: newId(), orderId, reason: PaymentDeclined_Reason.INSUFFICIENT_FUNDS }));

    await untilStatus(orderId, 'cancelled');
    const { value } = await untilPublished('order-cancelled', orderId);
    expect(decode(OrderCancelled, value)).toMatchObject({ orderId, reason: OrderCancelled_Reason.PAYMENT_DECLINED });
  });

  it('waits with the dead letters when the carrier gives a reason that is not known yet, and is cancelled whatever the reason of a decline', async () => {
    const [far, poor] = [await place(), await place()];
    const later = 77;
    await publish(
      fact(ShipmentRejected, { shipmentId: newId(), orderId: far.orderId, reason: later as ShipmentRejected_Reason }),
      fact(PaymentDeclined, { paymentId: newId(), orderId: poor.orderId, reason: later as PaymentDeclined_Reason }),
    );

    await untilStatus(poor.orderId, 'cancelled');
    const [letter] = await eventually(async () => {
      const letters = (await readTopic(kafka, 'orders.dlq')).filter(({ value }) => value?.includes(far.orderId));
      expect(letters).toHaveLength(1);
      return letters;
    });
    expect(String(letter!.headers['pt_reason'])).toBe('UNKNOWN_VALUE');
    expect(await statusOf(far.orderId)).toBe('placed');
  });

  it('is cancelled when it cannot be delivered, and then notes the refund', async () => {
    const { orderId } = await place();
    const paymentId = newId();
    await publish(
      captured(orderId),
      fact(ShipmentRejected, { shipmentId: newId(), orderId, reason: ShipmentRejected_Reason.UNDELIVERABLE }),
    );
    await untilStatus(orderId, 'cancelled');
    await publish(fact(PaymentRefunded, { paymentId, orderId, amount: { minorUnits: 4498n, currency: 'EUR' }, providerReference: 'ref' }));

    await eventually(async () =>
      expect((await orders.get(`/orders/${orderId}`)).body).toMatchObject({
        status: 'cancelled',
        cancellationReason: 'undeliverable',
        refundedAt: expect.any(String) as string,
      }),
    );
  });

  it('changes once when a fact is delivered three times', async () => {
    const { orderId } = await place();
    const record = aRecord(dispatched(orderId));
    await producer.publish([record, record, record]);
    await untilStatus(orderId, 'completed');
    await publish(dispatched(orderId));
    const other = await place();
    await publish(dispatched(other.orderId));
    await untilStatus(other.orderId, 'completed');

    await untilPublished('order-completed', other.orderId);
    expect(await published('order-completed', orderId)).toHaveLength(1);
  });

  it('that nobody placed is not found', async () => {
    const { status, body } = await orders.get(`/orders/${newId()}`);

    expect(status).toBe(404);
    expect(body).toMatchObject({ type: 'urn:past-tense:problem:order-not-found' });
    expect((await orders.get('/orders/not-a-uuid')).status).toBe(400);
  });
});

describe('the service', () => {
  it('is live, ready and described', async () => {
    expect((await orders.get('/health/live')).body).toEqual({ status: 'up' });
    expect((await orders.get('/health/ready')).body).toEqual({ status: 'ready' });
    const { body } = await orders.get('/openapi.json');
    expect(Object.keys((body as { paths: object }).paths)).toEqual(
      expect.arrayContaining(['/orders', '/orders/{orderId}', '/orders/{orderId}/cancellation', '/jobs/{jobId}', '/webhooks']),
    );
    expect((await orders.get('/docs')).status).toBe(200);
  });

  it('answers what it does not know with a problem document', async () => {
    const { status, headers, body } = await orders.get('/nothing/here');

    expect(status).toBe(404);
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(body).toMatchObject({ title: 'Not Found', detail: 'There is nothing at GET /nothing/here.' });
  });
});

describe('POST /customers/{customerId}/erasure (P2)', () => {
  const forget = async (customerId: string) =>
    await orders.post(`/customers/${customerId}/erasure`, '', await orders.as('data-protection'));
  const see = async (customerId: string) => await orders.get(`/customers/${customerId}/erasure`, await orders.as('data-protection'));
  const placeFor = async (customerId: string) => await orders.post('/orders', { ...request, customerId });

  it('cancels what can still be cancelled, and forgets by itself once every order is settled, money included', async () => {
    const customerId = newId();
    const { orderId } = (await placeFor(customerId)).body as { orderId: string };
    const asked = await forget(customerId);
    expect(asked).toMatchObject({ status: 202, body: { orders: 1, unsettled: [{ orderId, status: 'placed' }] } });
    expect(asked.body).not.toHaveProperty('forgottenAt');
    expect((await orders.get(`/orders/${orderId}`)).body).toMatchObject({ cancellationJobId: expect.any(String) as string });
    expect(await placeFor(customerId)).toMatchObject({ status: 409, body: { type: 'urn:past-tense:problem:person-forgotten' } });

    await publish(
      captured(orderId),
      fact(ShipmentRejected, { shipmentId: newId(), orderId, reason: ShipmentRejected_Reason.UNDELIVERABLE }),
    );
    await untilStatus(orderId, 'cancelled');
    expect(await forget(customerId)).toMatchObject({ status: 202, body: { unsettled: [{ orderId, status: 'cancelled' }] } });

    const amount = { minorUnits: 4498n, currency: 'EUR' };
    await publish(fact(PaymentRefunded, { paymentId: newId(), orderId, amount, providerReference: 'ref' }));
    await eventually(async () =>
      expect(await see(customerId)).toMatchObject({
        status: 200,
        body: { customerId, orders: 1, unsettled: [], forgottenAt: expect.any(String) as string },
      }),
    );
    const { envelope, value } = await untilPublished('customer-forgotten', customerId);
    expect(decode(CustomerForgotten, value)).toMatchObject({ customerId });
    // It belongs to the wish, although nobody asked again.
    expect(envelope.correlationId).toBe(asked.headers.get('x-correlation-id'));
  });

  it('forgets once, and then nothing can be ordered any more, by them alone', async () => {
    const customerId = newId();
    const first = await forget(customerId);

    expect(first.status).toBe(200);
    expect((await forget(customerId)).body).toEqual(first.body);
    const refused = await placeFor(customerId);
    expect(refused).toMatchObject({ status: 409, body: { type: 'urn:past-tense:problem:person-forgotten' } });
    expect((await placeFor(newId())).status).toBe(202);
    await untilPublished('customer-forgotten', customerId);
    expect(await published('customer-forgotten', customerId)).toHaveLength(1);
  });

  it('never leaves an order behind that nobody can read, however closely both meet', async () => {
    const customers = Array.from({ length: 20 }, () => newId());
    const outcomes = await Promise.all(
      customers.map(async (customerId) => {
        const [placed, forgotten] = await Promise.all([placeFor(customerId), forget(customerId)]);
        return [placed.status, forgotten.status].join();
      }),
    );

    expect(outcomes.filter((outcome) => !['202,202', '409,200'].includes(outcome))).toEqual([]);
  });
});
