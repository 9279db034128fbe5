import {
  decode,
  fact,
  OrderCancelled,
  OrderPlaced,
  PaymentCaptured,
  PaymentDeclined,
  PaymentDeclined_Reason,
  PaymentRefunded,
  type Fact,
} from '@past-tense/contracts';
import { fromHeaders, newId } from '@past-tense/envelope';
import { KafkaProducer, readTopic, type KafkaOptions } from '@past-tense/messaging';
import { createLogger } from '@past-tense/telemetry';
import { aRecord, ask, eventually, serviceUnderTest, type ServiceUnderTest } from '@past-tense/testing';

const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });

const EARLY_LIMIT_MS = 300;

let payments: ServiceUnderTest;
let sandbox: string;
let kafka: KafkaOptions;
let producer: KafkaProducer;
beforeAll(async () => {
  payments = await serviceUnderTest(['payments', 'sandbox'], {
    PAYMENT_PROVIDER_TIMEOUT_MS: '300',
    EARLY_LIMIT_MS: EARLY_LIMIT_MS.toString(),
  });
  sandbox = payments.stack.url('sandbox');
  kafka = { brokers: payments.brokers, clientId: 'test', logger };
  producer = new KafkaProducer(kafka);
});
afterAll(async () => {
  await producer.disconnect();
  await payments.end();
});
afterEach(() => behave('none'));

const placed = (orderId: string, paymentToken = 'tok_visa') =>
  fact(OrderPlaced, {
    orderId,
    customerId: newId(),
    lines: [{ sku: 'cup', quantity: 1, unitPrice: { minorUnits: 500n, currency: 'EUR' } }],
    total: { minorUnits: 500n, currency: 'EUR' },
    paymentToken,
    deliveryAddress: { recipient: 'Ada', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' },
  });
const cancelled = (orderId: string) => fact(OrderCancelled, { orderId, reason: 2 });
const publish = (happened: Fact, times = 1) => producer.publish(Array.from({ length: times }, () => record).map((make) => make(happened)));
const record = (() => {
  const made = new Map<Fact, ReturnType<typeof aRecord>>();
  return (happened: Fact) => made.get(happened) ?? made.set(happened, aRecord(happened)).get(happened)!;
})();
const behave = (failure: string) =>
  ask(`${sandbox}/behaviour/payments`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ failure }),
  });
interface Entry {
  kind: string;
  accepted: boolean;
  calls: number;
}
const books = async (orderId: string): Promise<Entry[]> =>
  ((await ask(`${sandbox}/books/${orderId}`)).body as { entries: Entry[] }).entries;
async function published<T extends { orderId: string }>(
  topic: string,
  read: (value: Buffer) => T,
  orderId: string,
): Promise<(T & { version: number })[]> {
  const messages = await readTopic(kafka, topic);
  return messages
    .map(({ value, headers }) => ({ ...read(value!), version: fromHeaders(headers).aggregateVersion }))
    .filter((event) => event.orderId === orderId);
}
const captures = (orderId: string) => published('payment-captured', (value) => decode(PaymentCaptured, value), orderId);
const declines = (orderId: string) => published('payment-declined', (value) => decode(PaymentDeclined, value), orderId);
const refunds = (orderId: string) => published('payment-refunded', (value) => decode(PaymentRefunded, value), orderId);

describe('when an order is placed', () => {
  it('the money is captured, and the fact published', async () => {
    const orderId = newId();
    await publish(placed(orderId));

    const [capture] = await eventually(async () => {
      const found = await captures(orderId);
      expect(found).toHaveLength(1);
      return found;
    });
    expect(capture).toMatchObject({ orderId, amount: { minorUnits: 500n, currency: 'EUR' }, version: 1 });
    expect((await payments.get(`/payments/${capture!.paymentId}`)).body).toEqual({
      paymentId: capture!.paymentId,
      orderId,
      amount: { minorUnits: 500, currency: 'EUR' },
      status: 'captured',
    });
  });

  it('and told three times, the customer is charged once (D2)', async () => {
    const orderId = newId();
    const after = newId();
    await publish(placed(orderId), 3);
    await publish(placed(after));

    await eventually(async () => expect(await captures(after)).toHaveLength(1));
    await eventually(async () => expect(await captures(orderId)).toHaveLength(1));
    expect(await books(orderId)).toMatchObject([{ kind: 'capture', accepted: true, calls: 1 }]);
  });

  it('and the provider declines, that is the fact', async () => {
    const orderId = newId();
    await publish(placed(orderId, 'tok_declined'));

    const [decline] = await eventually(async () => {
      const found = await declines(orderId);
      expect(found).toHaveLength(1);
      return found;
    });
    expect(decline).toMatchObject({ reason: PaymentDeclined_Reason.INSUFFICIENT_FUNDS, version: 1 });
    expect(await captures(orderId)).toEqual([]);
  });

  it.each(['error', 'error-after-effect', 'silence-after-effect', 'closed'])(
    'and the provider fails (%s), it is asked again with the same key and charges once (D5)',
    async (failure) => {
      const orderId = newId();
      await behave(failure);
      await publish(placed(orderId));
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      expect(await captures(orderId)).toEqual([]);
      await behave('none');

      await eventually(async () => expect(await captures(orderId)).toHaveLength(1));
      expect(await books(orderId)).toMatchObject([{ kind: 'capture', accepted: true }]);
      expect(await readTopic(kafka, 'payments.dlq')).toEqual([]);
    },
  );
});

describe('when an order is cancelled', () => {
  it('what was captured is refunded once, as the second fact of the payment', async () => {
    const orderId = newId();
    await publish(placed(orderId));
    await eventually(async () => expect(await captures(orderId)).toHaveLength(1));
    await publish(cancelled(orderId), 3);

    const [refund] = await eventually(async () => {
      const found = await refunds(orderId);
      expect(found).toHaveLength(1);
      return found;
    });
    expect(refund).toMatchObject({ amount: { minorUnits: 500n, currency: 'EUR' }, version: 2 });
    expect(await books(orderId)).toMatchObject([
      { kind: 'capture', calls: 1 },
      { kind: 'refund', calls: 1 },
    ]);
  });

  it('and that is heard of first, the money is returned after it was captured (D3)', async () => {
    const orderId = newId();
    await producer.publish([aRecord(cancelled(orderId), { aggregateVersion: 2 })]);
    const after = newId();
    await publish(placed(after));
    await eventually(async () => expect(await captures(after)).toHaveLength(1));
    await publish(placed(orderId));

    await eventually(async () => expect(await refunds(orderId)).toHaveLength(1));
    expect((await books(orderId)).map(({ kind, calls }) => ({ kind, calls }))).toEqual([
      { kind: 'capture', calls: 1 },
      { kind: 'refund', calls: 1 },
    ]);
  });

  it('long before the payment is known, what is taken in the end is returned all the same', async () => {
    const orderId = newId();
    await producer.publish([aRecord(cancelled(orderId), { aggregateVersion: 2 })]);
    const figures = async () => String((await ask(`${payments.stack.url('payments')}/metrics`)).body);
    await eventually(async () => expect(await figures()).toMatch(/past_tense_held_events\{.*place="early".*\} 1\n/));
    const since = Date.now();
    // Longer than anything else may wait for what it needs.
    await eventually(() => expect(Date.now() - since).toBeGreaterThan(5 * EARLY_LIMIT_MS));
    await publish(placed(orderId));

    await eventually(async () => expect(await refunds(orderId)).toHaveLength(1));
    expect(await readTopic(kafka, 'payments.dlq')).toEqual([]);
  });

  it('nothing is refunded that was declined', async () => {
    const orderId = newId();
    await publish(placed(orderId, 'tok_declined'));
    await eventually(async () => expect(await declines(orderId)).toHaveLength(1));
    await publish(cancelled(orderId));
    const after = newId();
    await publish(placed(after));
    await eventually(async () => expect(await captures(after)).toHaveLength(1));

    expect(await refunds(orderId)).toEqual([]);
    expect((await books(orderId)).map(({ kind, accepted }) => ({ kind, accepted }))).toEqual([{ kind: 'capture', accepted: false }]);
  });
});

describe('what payments remembers (D1)', () => {
  it('must outlast the retention and its longest wait, or it does not start', async () => {
    const { stack } = payments;
    await stack.service('payments')!.stop(8_000);

    await expect(stack.startService('payments', { DEDUP_TTL_DAYS: '120' })).rejects.toThrow(
      /payments cannot start\. payments remembers processed events for 120 days, but order-\S+ keeps events for 90 days and payments may hold one for up to 31 more, .*; set DEDUP_TTL_DAYS to 121 or more\./,
    );
    expect((await stack.service('payments')!.exited).code).toBe(1);
    await stack.startService('payments', { DEDUP_TTL_DAYS: '121' });
  });
});
