import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  allCommandServices,
  allTeams,
  allTopics,
  CancelShipment,
  ChangeDeliveryAddressRequestSchema,
  commandServiceOf,
  decode,
  encode,
  fact,
  InvalidPayloadError,
  OrderCancelled,
  OrderCompleted,
  OrderPlaced,
  OrderPlacedV2,
  factNameOf,
  knownOrderCancelledReason,
  OrderCancelled_Reason,
  UnknownValueError,
  validateOwn,
  registrySubjects,
  routeOf,
  serviceNamed,
  topicOf,
  UndecodableError,
  validate,
} from './index';

const orderId = '019aa000-0000-7000-8000-000000000001';

describe('the catalogue', () => {
  it('declares every topic completely (T1, T2, T4)', () => {
    const shipped = [
      'customer-forgotten',
      'delivery-address-changed',
      'order-cancelled',
      'order-completed',
      'order-placed',
      'order-placed-v2',
      'payment-captured',
      'payment-declined',
      'payment-refunded',
      'shipment-cancelled',
      'shipment-delivered',
      'shipment-dispatched',
      'shipment-rejected',
    ];
    expect(allTopics().map((topic) => topic.name)).toEqual(expect.arrayContaining(shipped));
    for (const topic of allTopics()) {
      expect(allTeams().find(({ name }) => name === topic.owner)?.contact).toContain('@');
      expect(serviceNamed(topic.producer).owner).toBe(topic.owner);
      expect(topic.partitions).toBeGreaterThanOrEqual(6);
      expect(topic.retentionMs).toBeGreaterThanOrEqual(30 * 86_400_000);
      expect(topic.lagSloMs).toBeGreaterThan(0);
      expect(topic.event.fields.map((field) => field.localName)).toContain(topic.key);
    }
  });

  it('declares consumers that remember an event for as long as it may come again (D1)', () => {
    for (const { name, consumers, retentionMs } of allTopics())
      for (const consumer of consumers) {
        const { remembersMs, holdsMs } = serviceNamed(consumer);
        expect(holdsMs).toBeGreaterThan(0);
        expect([name, consumer, remembersMs]).toEqual([name, consumer, Math.max(remembersMs, retentionMs + holdsMs)]);
      }
    expect(serviceNamed('payments')).toMatchObject({ remembersMs: 150 * 86_400_000, holdsMs: 31 * 86_400_000 });
  });

  it('declares who answers a command and who may send it', () => {
    for (const { receiver, callers, scope, commands } of allCommandServices()) {
      for (const service of [receiver, ...callers]) expect(serviceNamed(service).name).toBe(service);
      expect(callers).not.toContain(receiver);
      expect(scope).toMatch(/^[a-z]+:[a-z]+$/);
      expect(commands.every(({ description }) => description.endsWith('.'))).toBe(true);
    }
    expect(commandServiceOf(CancelShipment)).toMatchObject({ receiver: 'shipping', callers: ['orders'], scope: 'shipments:command' });
  });

  it('names the aggregate as the key (T3)', () => {
    expect(routeOf(fact(OrderCompleted, { orderId }))).toEqual({ topic: topicOf(OrderCompleted), key: orderId });
  });

  it('has those hear of each event who must; whoever is added hears it besides', () => {
    const hear: Record<string, string[]> = {
      'order-placed': ['payments', 'shipping', 'tracking'],
      'payment-captured': ['orders', 'shipping', 'tracking'],
      'payment-declined': ['orders', 'tracking'],
      'payment-refunded': ['orders', 'tracking'],
      'shipment-dispatched': ['orders', 'tracking'],
      'shipment-rejected': ['orders', 'tracking'],
      'order-completed': ['tracking'],
      'order-cancelled': ['payments', 'tracking'],
    };
    for (const [name, consumers] of Object.entries(hear))
      expect([name, allTopics().find((topic) => topic.name === name)?.consumers]).toEqual([name, expect.arrayContaining(consumers)]);
  });

  it('knows what the versions of an event have in common (S4)', () => {
    const [v1, v2] = [topicOf(OrderPlaced), topicOf(OrderPlacedV2)];

    expect([factNameOf(v1), factNameOf(v2)]).toEqual(['order.OrderPlaced', 'order.OrderPlaced']);
    expect([v1.version, v2.version]).toEqual([1, 2]);
  });

  it('knows nobody it was not told about', () => {
    expect(() => serviceNamed('nobody')).toThrow('No service "nobody" is declared');
  });

  it('registers imported files before those that import them', () => {
    const subjects = registrySubjects([topicOf(OrderPlaced)]);

    expect(subjects.at(-1)).toMatchObject({
      subject: 'order-placed-value',
      imports: ['buf/validate/validate.proto', 'money/v1/money.proto', 'past_tense/contract/v1/topic.proto'],
    });
    for (const [i, { imports }] of subjects.entries()) {
      expect(subjects.slice(0, i).map((before) => before.subject)).toEqual(expect.arrayContaining([...imports]));
    }
  });
});

describe('a payload', () => {
  it('goes in the Confluent frame and comes back', () => {
    const { type, data } = fact(OrderCompleted, { orderId });
    const framed = encode(type, data, 42);

    expect([...framed.subarray(0, 6)]).toEqual([0, 0, 0, 0, 42, 0]);
    expect(decode(OrderCompleted, framed)).toEqual(data);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a short frame', Buffer.from([0, 0, 0, 0, 1])],
    ['another magic byte', Buffer.from([1, 0, 0, 0, 1, 0])],
    ['another message of the file', Buffer.from([0, 0, 0, 0, 1, 2, 2])],
    ['JSON', Buffer.from('{"orderId":"1"}')],
    ['a truncated payload', encode(OrderCompleted, fact(OrderCompleted, { orderId }).data, 1).subarray(0, 20)],
  ])('that is %s is refused', (_, bytes) => {
    expect(() => decode(OrderCompleted, bytes)).toThrow(UndecodableError);
  });

  it('is checked against the rules of its contract, naming fields and no values (S5)', () => {
    const { data } = fact(OrderCancelled, { orderId: 'secret-id', reason: 0 });

    expect(() => validate(OrderCancelled, data)).toThrow(InvalidPayloadError);
    expect(() => validate(OrderCancelled, data)).toThrow(/order_id: .*UUID.*; reason: /);
    expect(() => validate(OrderCancelled, data)).not.toThrow(/secret-id/);
  });
});

describe('a value of an enum that this build does not know (S2)', () => {
  const later = fact(OrderCancelled, { orderId, reason: 77 as OrderCancelled_Reason });

  it('is refused where it would be published, and not where it is consumed', () => {
    expect(() => validateOwn(OrderCancelled, later.data)).toThrow('reason: must be a declared value of order.v1.OrderCancelled.Reason');
    expect(() => validate(OrderCancelled, later.data)).not.toThrow();
  });

  it('cannot be branched on', () => {
    expect(knownOrderCancelledReason(OrderCancelled_Reason.UNDELIVERABLE)).toBe(OrderCancelled_Reason.UNDELIVERABLE);
    for (const value of [77, -1, 0]) expect(() => knownOrderCancelledReason(value)).toThrow(UnknownValueError);
  });
});

describe('a change of address', () => {
  const change = (address: MessageInitShape<typeof ChangeDeliveryAddressRequestSchema>['address']) =>
    validate(ChangeDeliveryAddressRequestSchema, create(ChangeDeliveryAddressRequestSchema, { orderId, address }));

  it('names what changes, and nothing else', () => {
    expect(() => change({ city: 'Graz' })).not.toThrow();
  });

  it.each([
    ['no address', undefined, /address: /],
    ['an empty address', {}, /address: must hold at least one field/],
    ['an empty field', { street: '' }, /address\.street: /],
    ['a field that is too long', { postalCode: '1'.repeat(21) }, /address\.postal_code: /],
    ['a country that is none', { country: 'Austria' }, /address\.country: /],
  ])('with %s is refused', (_, address, sentence) => {
    expect(() => change(address)).toThrow(sentence);
  });
});
