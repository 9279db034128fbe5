import { Kafka as CloudEventsKafka, type CloudEvent, type Message } from 'cloudevents';
import { EnvelopeError, firstIdAt, fromHeaders, newId, timeOfId, toHeaders, type Envelope } from './index';

const envelope: Envelope = {
  eventId: '019aa000-0000-7000-8000-000000000001',
  eventType: 'order.v1.OrderPlaced',
  schemaVersion: 3,
  schemaOwner: 'ordering',
  dataSchema: 'urn:past-tense:schema:order-placed-value:3',
  aggregateId: '019aa000-0000-7000-8000-000000000002',
  aggregateVersion: 7,
  correlationId: '019aa000-0000-7000-8000-000000000003',
  causationId: '019aa000-0000-7000-8000-000000000004',
  occurredAt: '2026-11-20T08:00:00.123Z',
  publishedAt: '2026-11-20T08:00:00.456Z',
  producer: { name: 'orders', version: '1.2.3' },
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'vendor=value',
};
const asKafkaDelivers = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Buffer.from(value)]));

describe('the envelope in Kafka headers (E1)', () => {
  it('comes back as it went', () => {
    expect(fromHeaders(asKafkaDelivers(toHeaders(envelope)))).toEqual(envelope);
  });

  it('says in which other versions the fact was published, if it was', () => {
    const alsoAs = ['order.v2.OrderPlaced', 'order.v3.OrderPlaced'];

    expect(toHeaders({ ...envelope, alsoAs })['ce_alsoas']).toBe('order.v2.OrderPlaced,order.v3.OrderPlaced');
    expect(fromHeaders(asKafkaDelivers(toHeaders({ ...envelope, alsoAs })))).toEqual({ ...envelope, alsoAs });
    expect(toHeaders({ ...envelope, alsoAs: [] })).not.toHaveProperty('ce_alsoas');
  });

  it.each(['tracestate', 'ce_alsoas'])('does not mind a %s without a value, as change data capture writes it', (name) => {
    for (const value of [null as never, '', Buffer.alloc(0)])
      expect(fromHeaders({ ...asKafkaDelivers(toHeaders({ ...envelope, tracestate: undefined })), [name]: value })).toEqual({
        ...envelope,
        tracestate: undefined,
      });
  });

  it('is a CloudEvent in binary mode to the official SDK', () => {
    const value = Buffer.from([1, 2, 3]);
    const message: Message<Buffer> & { key: string; value: Buffer } = {
      headers: toHeaders(envelope),
      key: envelope.aggregateId,
      value,
      body: value,
    };
    const event = CloudEventsKafka.toEvent<Buffer>(message) as CloudEvent<Buffer>;

    expect(event).toMatchObject({
      specversion: '1.0',
      id: envelope.eventId,
      type: envelope.eventType,
      source: 'urn:past-tense:service:orders',
      subject: envelope.aggregateId,
      time: envelope.occurredAt,
      datacontenttype: 'application/protobuf',
      dataschema: envelope.dataSchema,
      sequence: '7',
      correlationid: envelope.correlationId,
      causationid: envelope.causationId,
      publishedat: envelope.publishedAt,
      schemaversion: '3',
      schemaowner: 'ordering',
      producer: 'orders/1.2.3',
    });
    expect(event.validate()).toBe(true);
  });
});

describe('a message that lacks something (E2)', () => {
  const required = Object.keys(toHeaders(envelope)).filter((name) => name !== 'tracestate');

  it.each(required)('is rejected without %s, by its name', (name) => {
    const { [name]: _, ...headers } = asKafkaDelivers(toHeaders(envelope));

    expect(() => fromHeaders(headers)).toThrow(new EnvelopeError(name, 'is missing'));
  });

  it.each(required)('is rejected with an empty %s', (name) => {
    expect(() => fromHeaders({ ...asKafkaDelivers(toHeaders(envelope)), [name]: Buffer.alloc(0) })).toThrow(
      expect.objectContaining({ name: 'EnvelopeError', attribute: name }) as Error,
    );
  });

  it.each(required)('is rejected with two %s', (name) => {
    const headers = asKafkaDelivers(toHeaders(envelope));

    expect(() => fromHeaders({ ...headers, [name]: [headers[name]!, headers[name]!] })).toThrow(
      new EnvelopeError(name, 'is there more than once'),
    );
  });

  it.each([
    ['ce_specversion', '0.3'],
    ['ce_id', '2f1c2f6e-5b1a-4c1e-9d55-3f2b8a1c0d4e'],
    ['ce_id', 'not-a-uuid'],
    ['ce_type', 'OrderPlaced'],
    ['ce_type', 'order.v0.OrderPlaced'],
    ['ce_source', 'orders'],
    ['ce_time', '2026-11-20T08:00:00'],
    ['ce_time', '2026-11-20T08:00:00+01:00'],
    ['ce_time', '2026-13-40T99:00:00Z'],
    ['ce_publishedat', 'yesterday'],
    ['ce_sequence', '0'],
    ['ce_sequence', '-1'],
    ['ce_sequence', '1.5'],
    ['ce_sequence', '9999999999999999'],
    ['ce_schemaversion', 'three'],
    ['ce_correlationid', 'abc'],
    ['ce_causationid', ''],
    ['ce_producer', 'orders'],
    ['ce_dataschema', 'no scheme'],
    ['ce_alsoas', 'order.OrderPlaced'],
    ['ce_alsoas', 'order.v2.OrderPlaced,'],
    ['content-type', 'application/json'],
    ['traceparent', '00-00000000000000000000000000000000-b7ad6b7169203331-01'],
    ['traceparent', 'garbage'],
  ])('is rejected with a malformed %s: "%s", and the error does not repeat the value', (name, value) => {
    const headers = { ...asKafkaDelivers(toHeaders(envelope)), [name]: Buffer.from(value) };

    expect(() => fromHeaders(headers)).toThrow(expect.objectContaining({ name: 'EnvelopeError', attribute: name }) as Error);
    if (name !== 'ce_time' && value.length > 4) expect(() => fromHeaders(headers)).not.toThrow(value);
  });
});

describe('ids', () => {
  it('are made in order and tell their time', () => {
    const before = Date.now();
    const ids = Array.from({ length: 1000 }, () => newId());

    expect([...ids].sort()).toEqual(ids);
    expect(timeOfId(ids[0]!)).toBeGreaterThanOrEqual(before);
    expect(timeOfId(ids[0]!)).toBeLessThanOrEqual(Date.now());
  });

  it('have a smallest one for each millisecond', () => {
    const time = Date.parse('2026-11-20T08:00:00.123Z');

    expect(timeOfId(firstIdAt(time))).toBe(time);
    expect(firstIdAt(time) < newId()).toBe(true);
  });
});
