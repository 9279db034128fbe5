import {
  decode,
  fact,
  OrderPlaced,
  PaymentCaptured,
  ShipmentDispatched,
  ShipmentRejected,
  ShipmentRejected_Reason,
  type Fact,
} from '@past-tense/contracts';
import { newId } from '@past-tense/envelope';
import { KafkaProducer, readTopic, type KafkaOptions } from '@past-tense/messaging';
import { createLogger } from '@past-tense/telemetry';
import { aRecord, ask, eventually, serviceUnderTest, type ServiceUnderTest } from '@past-tense/testing';

const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });

let shipping: ServiceUnderTest;
let kafka: KafkaOptions;
let producer: KafkaProducer;
beforeAll(async () => {
  shipping = await serviceUnderTest(['shipping', 'sandbox']);
  kafka = { brokers: shipping.brokers, clientId: 'test', logger };
  producer = new KafkaProducer(kafka);
});
afterAll(async () => {
  await producer.disconnect();
  await shipping.end();
});

const placed = (orderId: string, country = 'DE') =>
  fact(OrderPlaced, {
    orderId,
    customerId: newId(),
    lines: [{ sku: 'cup', quantity: 1, unitPrice: { minorUnits: 500n, currency: 'EUR' } }],
    total: { minorUnits: 500n, currency: 'EUR' },
    paymentToken: 'tok_visa',
    deliveryAddress: { recipient: 'Ada', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country },
  });
const captured = (orderId: string) =>
  fact(PaymentCaptured, { paymentId: newId(), orderId, amount: { minorUnits: 500n, currency: 'EUR' }, providerReference: 'cap' });
const publish = (...facts: Fact[]) => producer.publish(facts.map((happened) => aRecord(happened)));
const parcels = async (orderId: string) =>
  ((await ask(`${shipping.stack.url('sandbox')}/books/${orderId}`)).body as { entries: object[] }).entries;
const dispatched = async (orderId: string) =>
  (await readTopic(kafka, 'shipment-dispatched', ({ value }) => decode(ShipmentDispatched, value!))).filter(
    (event) => event.orderId === orderId,
  );
const untilDispatched = (orderId: string) =>
  eventually(async () => {
    const found = await dispatched(orderId);
    expect(found).toHaveLength(1);
    return found[0]!;
  });
/** Waits until shipping has seen everything that was published before. */
async function untilCaughtUp(): Promise<void> {
  const marker = newId();
  await publish(placed(marker), captured(marker));
  await untilDispatched(marker);
}

describe('a parcel', () => {
  it('is dispatched after the order and the payment', async () => {
    const orderId = newId();
    await publish(placed(orderId));
    await untilCaughtUp();
    expect(await parcels(orderId)).toEqual([]);
    await publish(captured(orderId));

    const { shipmentId, trackingNumber } = await untilDispatched(orderId);
    expect((await shipping.get(`/shipments/${shipmentId}`)).body).toEqual({ shipmentId, orderId, status: 'dispatched', trackingNumber });
  });

  it('is dispatched once, after both, when the payment comes first (D3)', async () => {
    const orderId = newId();
    await publish(captured(orderId));
    await untilCaughtUp();
    expect(await parcels(orderId)).toEqual([]);
    await publish(placed(orderId));

    await untilDispatched(orderId);
    await untilCaughtUp();
    expect(await dispatched(orderId)).toHaveLength(1);
    expect(await parcels(orderId)).toMatchObject([{ kind: 'parcel', calls: 1 }]);
  });

  it('is dispatched once when both come at the same moment and three times', async () => {
    const ids = Array.from({ length: 20 }, () => newId());
    const records = ids.flatMap((orderId) => [aRecord(placed(orderId)), aRecord(captured(orderId))]);
    await producer.publish([...records, ...records.toReversed(), ...records]);

    for (const orderId of ids) await untilDispatched(orderId);
    await untilCaughtUp();
    for (const orderId of ids) expect(await parcels(orderId)).toHaveLength(1);
    const all = await readTopic(kafka, 'shipment-dispatched', ({ value }) => decode(ShipmentDispatched, value!).orderId);
    for (const orderId of ids) expect(all.filter((id) => id === orderId)).toHaveLength(1);
  });

  it('that nobody delivers is rejected', async () => {
    const orderId = newId();
    await publish(placed(orderId, 'AQ'), captured(orderId));

    await eventually(async () => {
      const rejected = await readTopic(kafka, 'shipment-rejected', ({ value }) => decode(ShipmentRejected, value!));
      expect(rejected).toContainEqual(expect.objectContaining({ orderId, reason: ShipmentRejected_Reason.UNDELIVERABLE }));
    });
    expect(await dispatched(orderId)).toEqual([]);
  });
});
