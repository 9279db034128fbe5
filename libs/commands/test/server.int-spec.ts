import { create, toBinary } from '@bufbuild/protobuf';
import { metrics, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { Client, credentials, loadPackageDefinition, status, type ServiceClientConstructor } from '@grpc/grpc-js';
import { CancelShipmentRequestSchema, ChangeDeliveryAddressRequestSchema } from '@past-tense/contracts';
import { newId } from '@past-tense/envelope';
import { eventually, testDatabase } from '@past-tense/testing';
import { service as healthService } from 'grpc-health-check';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { createConnection } from 'node:net';
import { Issuer } from './issuer';
import { RawClient, type RawCall } from './raw-call';
import { BROKEN, DISPATCHED, seen, Shipping, UNHEARD } from './shipping';

let issuer: Issuer;
let url: string;
let shipping: Shipping;
let client: RawClient;
let token: string;

beforeAll(async () => {
  issuer = await Issuer.start();
  url = await testDatabase();
  shipping = await Shipping.start(url, issuer.url);
  client = new RawClient(shipping.address);
  token = `Bearer ${await issuer.token('orders')}`;
});
afterAll(async () => {
  client.close();
  await shipping.stop();
  await issuer.stop();
});

const bodyFor = (orderId: string) => toBinary(CancelShipmentRequestSchema, create(CancelShipmentRequestSchema, { orderId }));
/** A call that is right in every respect, for an order of its own; tests make one thing wrong. */
const aCall = (over: Partial<RawCall> & { orderId?: string } = {}): RawCall => ({
  body: bodyFor(over.orderId ?? newId()),
  ...over,
  metadata: { authorization: token, 'command-id': newId(), ...over.metadata },
});

const AT_THE_GATE = `SELECT pid FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM gate FOR SHARE'`;
const IN_A_TRANSACTION = `SELECT pid FROM pg_stat_activity
  WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid() AND backend_type = 'client backend'`;
const nobodyAtTheGate = () =>
  eventually(async () => expect(await shipping.database.query({ name: 'in-a-transaction', text: IN_A_TRANSACTION })).toEqual([]));

describe('a command', () => {
  it('is carried out once however often it is sent, with the same reply (sequentially, at once, on another instance, after a restart)', async () => {
    const orderId = newId();
    const call = aCall({ orderId });
    const first = await client.call(call);
    const second = await Shipping.start(url, issuer.url);
    const other = new RawClient(second.address);

    const again = [await client.call(call), await other.call(call)];
    const atOnce = await Promise.all(Array.from({ length: 50 }, (_, i) => (i % 2 ? client : other).call(call)));
    other.close();
    await second.stop();
    const restarted = await Shipping.start(url, issuer.url);
    const late = new RawClient(restarted.address);
    const afterRestart = await late.call(call);
    late.close();
    await restarted.stop();

    expect(first.code).toBe('OK');
    expect([...again, ...atOnce, afterRestart]).toEqual(Array.from({ length: 53 }, () => first));
    expect(await shipping.cancellationsOf(orderId)).toBe(1);
  });

  it('is carried out once when it comes fifty times at the same moment for the first time', async () => {
    const orderId = newId();
    const call = aCall({ orderId });
    const second = await Shipping.start(url, issuer.url);
    const other = new RawClient(second.address);

    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => (i % 2 ? client : other).call(call)));
    other.close();
    await second.stop();

    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set(['OK']));
    expect(await shipping.cancellationsOf(orderId)).toBe(1);
  });

  it('does not get the id of another command, or of the same one with another request', async () => {
    const call = aCall();
    await client.call(call);
    const address = create(ChangeDeliveryAddressRequestSchema, { orderId: newId(), address: { city: 'Graz' } });

    const otherBody = await client.call({ ...call, body: bodyFor(newId()) });
    const otherMethod = await client.call({
      ...call,
      path: '/shipping.v1.ShippingCommands/ChangeDeliveryAddress',
      body: toBinary(ChangeDeliveryAddressRequestSchema, address),
    });

    expect(otherBody).toMatchObject({ code: 'ALREADY_EXISTS', reason: 'COMMAND_ID_REUSED' });
    expect(otherMethod).toMatchObject({ code: 'ALREADY_EXISTS', reason: 'COMMAND_ID_REUSED' });
  });

  it('that is being carried out elsewhere is not waited for in vain', async () => {
    const orderId = newId();
    const call = aCall({ orderId });
    const open = await shipping.closeGate();
    const before = seen.length;
    const first = client.call(call);
    await eventually(() => expect(seen.length).toBe(before + 1));

    const second = await client.call({ ...call, timeoutMs: 1_000 });
    await open();

    expect(second).toMatchObject({ code: 'ABORTED', reason: 'COMMAND_IN_PROGRESS' });
    expect((await first).code).toBe('OK');
    expect(await shipping.cancellationsOf(orderId)).toBe(1);
  });

  it('that is refused changes nothing, and is refused in the same words ever after', async () => {
    const call = aCall({ orderId: DISPATCHED });
    const before = seen.length;

    const answers = [await client.call(call), await client.call(call)];

    expect(answers[0]).toEqual({
      code: 'FAILED_PRECONDITION',
      reason: 'SHIPMENT_ALREADY_DISPATCHED',
      details: 'The parcel is with the carrier – „schon weg“.',
    });
    expect(answers[1]).toEqual(answers[0]);
    expect(seen.length).toBe(before + 1);
    expect(await shipping.cancellationsOf(DISPATCHED)).toBe(0);
  });

  it('can be refused although a statement failed before', async () => {
    const request = create(ChangeDeliveryAddressRequestSchema, { orderId: newId(), address: { city: 'Graz' } });
    const call = aCall({
      path: '/shipping.v1.ShippingCommands/ChangeDeliveryAddress',
      body: toBinary(ChangeDeliveryAddressRequestSchema, request),
    });

    expect([await client.call(call), await client.call(call)]).toEqual(
      Array.from({ length: 2 }, () => ({ code: 'FAILED_PRECONDITION', reason: 'NOWHERE_TO_GO', details: 'There is no other address.' })),
    );
  });

  it('that cannot be answered yet is tried anew the next time', async () => {
    const call = aCall({ orderId: UNHEARD });
    const before = seen.length;

    const answers = [await client.call(call), await client.call(call)];

    expect(answers).toEqual(
      Array.from({ length: 2 }, () => ({ code: 'UNAVAILABLE', reason: 'ORDER_UNKNOWN', details: 'The order has not been heard of yet.' })),
    );
    expect(seen.length).toBe(before + 2);
    expect(await shipping.cancellationsOf(UNHEARD)).toBe(0);
  });

  it('that trips the handler up is INTERNAL, and nothing of the inside gets out', async () => {
    const answer = await client.call(aCall({ orderId: BROKEN }));

    expect(answer).toEqual({ code: 'INTERNAL', reason: 'INTERNAL', details: 'The receiver failed; its log says why.' });
    expect(await shipping.cancellationsOf(BROKEN)).toBe(0);
  });

  it('commits nothing after its deadline, and can be sent again', async () => {
    const orderId = newId();
    const call = aCall({ orderId });
    const open = await shipping.closeGate();

    const late = await client.call({ ...call, timeoutMs: 400 });
    await open();
    await nobodyAtTheGate();

    expect(late.code).toBe('DEADLINE_EXCEEDED');
    expect(await shipping.cancellationsOf(orderId)).toBe(0);
    expect((await client.call(call)).code).toBe('OK');
    expect(await shipping.cancellationsOf(orderId)).toBe(1);
  });

  it('whose caller hung up is not committed', async () => {
    const orderId = newId();
    const hangUp = new AbortController();
    const open = await shipping.closeGate();
    const before = seen.length;
    const call = client.call({ ...aCall({ orderId }), hangUp: hangUp.signal });
    await eventually(() => expect(seen.length).toBe(before + 1));

    hangUp.abort();
    expect((await call).code).toBe('CANCELLED');
    // The server learns of it on the connection of the next call.
    await client.call(aCall({ metadata: { authorization: undefined } }));
    await open();
    await nobodyAtTheGate();

    expect(await shipping.cancellationsOf(orderId)).toBe(0);
  });

  it('that loses its database on the way is UNAVAILABLE, and can be sent again', async () => {
    const call = aCall();
    const open = await shipping.closeGate();
    const before = seen.length;
    const first = client.call(call);
    await eventually(() => expect(seen.length).toBe(before + 1));

    const cut = { name: 'cut', text: `SELECT pg_terminate_backend(pid) FROM (${AT_THE_GATE}) AS waiting` };
    await eventually(async () => expect(await shipping.database.query(cut)).toHaveLength(1));
    await open();

    expect(await first).toMatchObject({ code: 'UNAVAILABLE', reason: 'DATABASE_UNAVAILABLE' });
    expect((await client.call(call)).code).toBe('OK');
  });

  it('has a deadline even if its caller sets none', async () => {
    const before = seen.length;
    await client.call(aCall());
    await client.call(aCall({ timeoutMs: 3_600_000 }));

    const [without, long] = seen.slice(before).map(({ command }) => command.deadline.getTime() - Date.now());
    expect(without).toBeLessThanOrEqual(5_000);
    expect(long).toBeLessThanOrEqual(10_000);
  });

  it('runs in the flow and the trace of its caller', async () => {
    const [commandId, correlationId, causationId] = [newId(), newId(), newId()];
    await client.call(
      aCall({
        metadata: {
          'command-id': commandId.toUpperCase(),
          'correlation-id': correlationId,
          'causation-id': causationId,
          'on-behalf-of': `J%C3%B6rg${'g'.repeat(251)}`,
        },
      }),
    );
    const onBehalfOf = `Jörg${'g'.repeat(251)}`;

    expect(seen.at(-1)).toMatchObject({
      command: { commandId, correlationId, causationId, caller: 'orders', onBehalfOf },
      flow: { correlationId, causationId: commandId },
    });
    const kept = { name: 'kept', text: 'SELECT on_behalf_of FROM answered_commands WHERE command_id = $1' };
    expect(await shipping.database.query(kept, [commandId])).toEqual([{ on_behalf_of: onBehalfOf }]);
  });
});

describe('a caller', () => {
  const unauthenticated = { code: 'UNAUTHENTICATED', reason: 'UNAUTHENTICATED' };
  const denied = (reason: string) => ({ code: 'PERMISSION_DENIED', reason });

  it.each([
    ['without a token', () => undefined, unauthenticated],
    ['with something else', () => 'Basic b3JkZXJzOm9yZGVycw==', unauthenticated],
    ['with garbage', () => 'Bearer x.y.z', unauthenticated],
    ['with an old token', async () => `Bearer ${await issuer.token('orders', 'shipments:command', -60)}`, unauthenticated],
    ['without the scope', async () => `Bearer ${await issuer.token('orders', 'orders:read')}`, denied('SCOPE_MISSING')],
    ['that is another service', async () => `Bearer ${await issuer.token('payments')}`, denied('CALLER_NOT_ALLOWED')],
  ])('%s is refused', async (_, authorization, expected) => {
    const orderId = newId();

    const answer = await client.call(aCall({ orderId, metadata: { authorization: await authorization() } }));

    expect(answer).toMatchObject(expected);
    expect(await shipping.cancellationsOf(orderId)).toBe(0);
  });

  it('may have another name at the issuer, and none that every object has', async () => {
    const mapped = await Shipping.start(url, issuer.url, { callers: { 'client-4711': 'orders' } });
    const other = new RawClient(mapped.address);

    const known = await other.call(aCall({ metadata: { authorization: `Bearer ${await issuer.token('client-4711')}` } }));
    const unknown = await other.call(aCall({ metadata: { authorization: `Bearer ${await issuer.token('constructor')}` } }));
    other.close();
    await mapped.stop();

    expect(known.code).toBe('OK');
    expect(unknown.reason).toBe('CALLER_NOT_ALLOWED');
  });

  it('may make only so many calls a second, and a stranger uses up nothing of that', async () => {
    const strict = await Shipping.start(url, issuer.url, { callsPerSecond: 2 });
    const other = new RawClient(strict.address);
    const stranger = { authorization: `Bearer ${token.slice(7, -8)}AAAAAAAA` };

    const strangers = await Promise.all(Array.from({ length: 9 }, () => other.call(aCall({ metadata: stranger }))));
    const own = await Promise.all(Array.from({ length: 9 }, () => other.call(aCall())));
    await eventually(async () => expect((await other.call(aCall())).code).toBe('OK'));
    other.close();
    await strict.stop();

    expect(new Set(strangers.map(({ code }) => code))).toEqual(new Set(['UNAUTHENTICATED']));
    expect(own.filter(({ code }) => code === 'OK').length).toBeGreaterThanOrEqual(2);
    expect(own.find(({ code }) => code !== 'OK')).toEqual({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'TOO_MANY_CALLS',
      details: 'One caller may make 2 calls a second; ask again later.',
      retryAfter: '1',
    });
  });
});

describe('a call that is not valid', () => {
  it.each([
    ['without a command id', { metadata: { 'command-id': undefined } }, 'INVALID_METADATA'],
    ['with a command id that is none', { metadata: { 'command-id': '1; DROP TABLE commands' } }, 'INVALID_METADATA'],
    ['on behalf of too long a name', { metadata: { 'on-behalf-of': 'x'.repeat(256) } }, 'INVALID_METADATA'],
    ['with garbage for a request', { body: Buffer.from('deadbeef0102', 'hex') }, 'INVALID_REQUEST'],
    ['with nothing for a request', { body: Buffer.alloc(0) }, 'INVALID_REQUEST'],
    ['with JSON for a request', { body: Buffer.from('{"orderId":"1"}') }, 'INVALID_REQUEST'],
  ] as [string, Partial<RawCall>, string][])('%s is INVALID_ARGUMENT', async (_, over, reason) => {
    expect(await client.call(aCall(over))).toMatchObject({ code: 'INVALID_ARGUMENT', reason });
  });

  it('names every wrong field and no value', async () => {
    const request = create(ChangeDeliveryAddressRequestSchema, { orderId: 'geheim', address: { country: 'geheim', street: '' } });

    const answer = await client.call(
      aCall({ path: '/shipping.v1.ShippingCommands/ChangeDeliveryAddress', body: toBinary(ChangeDeliveryAddressRequestSchema, request) }),
    );

    expect(answer).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['order_id', 'address.street', 'address.country'] });
    expect(answer.details).not.toContain('geheim');
  });

  it.each([
    ['to an unknown method', 'UNIMPLEMENTED', { path: '/shipping.v1.ShippingCommands/Explode' }],
    ['to an unknown service', 'UNIMPLEMENTED', { path: '/nobody.v1.Nothing/Do' }],
    ['with a huge request', 'RESOURCE_EXHAUSTED', { body: Buffer.alloc(100_000, 1) }],
  ] as [string, string, Partial<RawCall>][])('%s is %s', async (_, code, over) => {
    expect(await client.call(aCall(over))).toMatchObject({ code });
    expect((await client.call(aCall())).code).toBe('OK');
  });

  it('with huge metadata harms nobody', async () => {
    const hostile = new RawClient(shipping.address);
    const answer = await hostile.call(aCall({ metadata: { padding: 'x'.repeat(200_000) }, timeoutMs: 5_000 }));
    hostile.close();

    expect(answer.code).not.toBe('OK');
    expect((await client.call(aCall())).code).toBe('OK');
  });
});

describe('hostile connections', () => {
  it('that speak no HTTP/2, or leave their calls open, harm nobody', async () => {
    const noise = createConnection(shipping.port, '127.0.0.1');
    noise.on('error', () => undefined);
    noise.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n\0\0\0\0\0');
    const session = connect(`http://${shipping.address}`);
    session.on('error', () => undefined);
    const open = Array.from({ length: 50 }, () =>
      session
        .request({
          ':method': 'POST',
          ':path': '/shipping.v1.ShippingCommands/CancelShipment',
          'content-type': 'application/grpc',
          te: 'trailers',
        })
        .on('error', () => undefined),
    );
    open.slice(0, 25).forEach((stream) => stream.write(Buffer.from([0, 0, 0, 0, 200, 1, 2])));
    open.slice(0, 10).forEach((stream) => stream.close());

    expect((await client.call(aCall())).code).toBe('OK');
    session.destroy();
    noise.destroy();
    expect((await client.call(aCall())).code).toBe('OK');
  });

  it('whose request never comes are ended', async () => {
    const session = connect(`http://${shipping.address}`);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/shipping.v1.ShippingCommands/CancelShipment',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const ended = await new Promise((resolve) => {
      stream.on('response', (headers: IncomingHttpHeaders) => headers['grpc-status'] && resolve(headers['grpc-status']));
      stream.on('trailers', (trailers: IncomingHttpHeaders) => resolve(trailers['grpc-status']));
    });
    session.destroy();

    expect(ended).toBe('4');
  });

  it('that keep a conversation open are ended', async () => {
    const impatient = await Shipping.start(url, issuer.url, { maxStreamMs: 50 });
    const session = connect(`http://${impatient.address}`);
    const ends = ['/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', '/grpc.health.v1.Health/Watch'].map((path) => {
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
      if (path.endsWith('Watch')) stream.end(Buffer.alloc(5));
      return new Promise((resolve) => {
        stream.on('data', () => undefined);
        stream.on('response', (headers: IncomingHttpHeaders) => headers['grpc-status'] && resolve(headers['grpc-status']));
        stream.on('trailers', (trailers: IncomingHttpHeaders) => resolve(trailers['grpc-status']));
      });
    });

    expect(await Promise.all(ends)).toEqual(['4', '4']);
    session.destroy();
    await impatient.stop();
  });

  it('are made anew from time to time, and no call is lost by it', async () => {
    const moving = await Shipping.start(url, issuer.url, { maxConnectionAgeMs: 100 });
    const other = new RawClient(moving.address);
    const session = connect(`http://${moving.address}`);
    let goneWith: number | undefined;
    session.on('goaway', (code: number) => (goneWith = code));
    const answers = [];
    while (goneWith === undefined) answers.push(await other.call(aCall()));
    for (let i = 0; i < 10; i++) answers.push(await other.call(aCall()));

    expect(goneWith).toBe(0);
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set(['OK']));
    other.close();
    await moving.stop();
  });

  it('that send thousands of calls at once get an answer to each, and others are served after them', async () => {
    const answers = await Promise.all(Array.from({ length: 2_000 }, () => client.call(aCall({ timeoutMs: 60_000 }))));

    expect(answers.filter(({ code }) => !['OK', 'RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED'].includes(code))).toEqual([]);
    expect(answers.filter(({ code }) => code === 'OK').length).toBeGreaterThan(0);
    await eventually(async () => expect((await client.call(aCall())).code).toBe('OK'));
  });
});

describe('the server', () => {
  const healthOf = async (address: string, service: string) => {
    const Health = loadPackageDefinition({ Health: healthService }).Health as ServiceClientConstructor;
    const health = new Health(address, credentials.createInsecure());
    try {
      return await new Promise<string>((resolve) =>
        (health.Check as (request: object, callback: (error: Error | null, answer: { status: string }) => void) => void)(
          { service },
          (error, answer) => resolve(error ? error.message : answer.status),
        ),
      );
    } finally {
      health.close();
    }
  };

  it('says that it is well, as a whole and for its service', async () => {
    expect(await healthOf(shipping.address, '')).toBe('SERVING');
    expect(await healthOf(shipping.address, 'shipping.v1.ShippingCommands')).toBe('SERVING');
    expect(await healthOf(shipping.address, 'nobody.v1.Nothing')).toContain('NOT_FOUND');
  });

  it('describes itself, so that clients need no files', async () => {
    // https://github.com/grpc/grpc/blob/master/src/proto/grpc/reflection/v1/reflection.proto
    const ask = (field: number, text: string) =>
      client.reflect(Buffer.concat([Buffer.from([(field << 3) | 2, text.length]), Buffer.from(text)]));
    const [byFilename, containingSymbol, listServices] = [3, 4, 7];

    expect(await ask(listServices, '*')).toMatch(/grpc\.health\.v1\.Health.*shipping\.v1\.ShippingCommands/s);
    expect(await ask(containingSymbol, 'google.rpc.ErrorInfo')).toContain('BadRequest');
    expect(await ask(containingSymbol, 'shipping.v1.ShippingCommands.CancelShipment')).toContain('CancelShipmentResponse');
    for (const file of ['buf/validate/validate.proto', 'past_tense/contract/v1/ownership.proto', 'google/protobuf/descriptor.proto'])
      expect((await ask(byFilename, file)).length).toBeGreaterThan(500);
  });

  it('forgets replies after 30 days', async () => {
    const [old, recent] = [newId(), newId()];
    for (const [id, days] of [
      [old, 31],
      [recent, 29],
    ] as const) {
      await client.call(aCall({ metadata: { 'command-id': id } }));
      const age = { name: 'age', text: `UPDATE answered_commands SET answered_at = now() - $2 * interval '1 day' WHERE command_id = $1` };
      await shipping.database.query(age, [id, days]);
    }
    const left = { name: 'left', text: 'SELECT command_id FROM answered_commands WHERE command_id IN ($1, $2)' };

    const second = await Shipping.start(url, issuer.url);

    await eventually(async () => expect(await shipping.database.query(left, [old, recent])).toEqual([{ command_id: recent }]));
    await second.stop();
  });

  it('tells what it did: a span in the trace of the caller, a count and a duration', async () => {
    const spans = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
    provider.register();
    const metricsExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const meters = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter: metricsExporter })] });
    metrics.setGlobalMeterProvider(meters);
    const second = await Shipping.start(url, issuer.url);
    const other = new RawClient(second.address);
    try {
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      await other.call(aCall({ metadata: { traceparent } }));
      await other.call(aCall({ orderId: DISPATCHED, metadata: { traceparent: 'garbage' } }));
      await meters.forceFlush();

      const name = 'shipping.v1.ShippingCommands/CancelShipment';
      const told = spans.getFinishedSpans().filter((span) => span.name === name);
      expect(told.map((span) => span.attributes['rpc.response.status_code'])).toEqual(['OK', 'FAILED_PRECONDITION']);
      expect(told.map((span) => span.status.code)).toEqual([SpanStatusCode.UNSET, SpanStatusCode.UNSET]);
      expect(told[0]!.parentSpanContext).toMatchObject({ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' });
      expect(told[0]!.kind).toBe(SpanKind.SERVER);
      expect(told[1]!.parentSpanContext).toBeUndefined();
      expect(seen.at(-2)!.traceparent).toContain('0af7651916cd43dd8448eb211c80319c');
      const figures = metricsExporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
      const answered = figures.find(({ descriptor }) => descriptor.name === 'past_tense.commands.answered')!;
      expect(answered.dataPoints.map(({ attributes, value }) => ({ ...attributes, value }))).toEqual([
        { method: name, outcome: 'accepted', value: 1 },
        { method: name, outcome: 'refused', value: 1 },
      ]);
      expect(figures.find(({ descriptor }) => descriptor.name === 'rpc.server.call.duration')!.dataPoints).toHaveLength(2);
    } finally {
      other.close();
      await second.stop();
      await provider.shutdown();
      await meters.shutdown();
      trace.disable();
      metrics.disable();
    }
  });

  it('says in one sentence that its port is taken', async () => {
    await expect(Shipping.start(url, issuer.url, { port: shipping.port })).rejects.toThrow(
      /Commands cannot be answered on .* set GRPC_PORT to a free one\.$/,
    );
  });

  it('stops although somebody watches its health, and lets the running command finish', async () => {
    const second = await Shipping.start(url, issuer.url);
    const watcher = new Client(second.address, credentials.createInsecure());
    const told: string[] = [];
    const { path, requestSerialize, responseDeserialize } = healthService.Watch!;
    const stream = watcher.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service: '' });
    stream.on('data', (data: { status: string }) => told.push(data.status));
    let ended: Error | undefined;
    stream.on('error', (error) => (ended = error));
    await eventually(() => expect(told).toEqual(['SERVING']));
    const other = new RawClient(second.address);
    const open = await shipping.closeGate();
    const before = seen.length;
    const running = other.call(aCall());
    await eventually(() => expect(seen.length).toBe(before + 1));

    const stopping = second.stop();
    await eventually(() => expect(ended).toMatchObject({ code: status.UNAVAILABLE, details: 'The server stops.' }));
    expect(told).toEqual(['SERVING', 'NOT_SERVING']);
    await open();

    expect((await running).code).toBe('OK');
    await stopping;
    other.close();
    watcher.close();
  });
});
