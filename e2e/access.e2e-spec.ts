import { credentials, Client, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { newId } from '@past-tense/envelope';
import { tokenOf, type ServiceName } from '@past-tense/local';
import { ask, eventually, type Answer } from '@past-tense/testing';
import { generateKeyPair, SignJWT, type JWK } from 'jose';
import { readFileSync } from 'node:fs';
import { System } from './system';

const OWNER = 'customer-1';
/** Whoever tries. */
const CALLERS = ['stranger', 'forger', 'nobody', OWNER, 'customer-2', 'support', 'data-protection', 'operator', 'orders'] as const;
type Caller = (typeof CALLERS)[number];

interface Endpoint {
  readonly service: ServiceName;
  /** As the service's OpenAPI document has it. */
  readonly operation: string;
  /** Who gets in, with the status they get; everybody else without a token gets 401, and with one 403. */
  readonly allowed: Partial<Record<Caller, number>>;
  readonly body?: object;
}

const order = {
  lines: [{ sku: 'cup', quantity: 1, unitPrice: { minorUnits: 500, currency: 'EUR' } }],
  paymentToken: 'tok_visa',
  deliveryAddress: { recipient: 'Ada', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' },
};
const subscription = { url: 'https://127.0.0.1/hook', events: ['order.completed'] };
/** What belongs to a customer: they and support see it, for other customers it does not exist. */
const ownOrder = (found: number) => ({ [OWNER]: found, 'customer-2': 404, support: found });
const ownWebhook = (found: number) => ({ [OWNER]: found, 'customer-2': 404 });
const anybody = (found: number) => Object.fromEntries(CALLERS.map((caller) => [caller, found]));

/** What every service that consumes has for those who keep it running; `topic` is one that it consumes. */
const operationsOf = (service: ServiceName, topic: string): Endpoint[] => [
  { service, operation: 'GET /operations/positions', allowed: { operator: 200 } },
  { service, operation: 'POST /operations/position-resets', body: { topic, to: 'latest', dryRun: true }, allowed: { operator: 200 } },
  { service, operation: 'GET /operations/position-resets', allowed: { operator: 200 } },
  { service, operation: 'GET /operations/position-resets/{resetId}', allowed: { operator: 404 } },
];

const ENDPOINTS: readonly Endpoint[] = [
  // Support has to say whose order it is.
  { service: 'orders', operation: 'POST /orders', body: order, allowed: { [OWNER]: 202, 'customer-2': 202, support: 422 } },
  { service: 'orders', operation: 'GET /orders/{orderId}', allowed: ownOrder(200) },
  { service: 'orders', operation: 'POST /orders/{orderId}/cancellation', allowed: ownOrder(202) },
  { service: 'orders', operation: 'PATCH /orders/{orderId}/delivery-address', body: { city: 'Hamburg' }, allowed: ownOrder(202) },
  { service: 'orders', operation: 'GET /jobs/{jobId}', allowed: ownOrder(200) },
  { service: 'orders', operation: 'GET /jobs/{jobId}/events', allowed: ownOrder(200) },
  { service: 'orders', operation: 'GET /webhooks', allowed: { [OWNER]: 200, 'customer-2': 200 } },
  { service: 'orders', operation: 'POST /webhooks', body: subscription, allowed: { [OWNER]: 201, 'customer-2': 201 } },
  { service: 'orders', operation: 'GET /webhooks/{subscriptionId}', allowed: ownWebhook(200) },
  { service: 'orders', operation: 'PATCH /webhooks/{subscriptionId}', body: { events: ['job.failed'] }, allowed: ownWebhook(200) },
  { service: 'orders', operation: 'POST /webhooks/{subscriptionId}/secret-rotations', allowed: ownWebhook(200) },
  { service: 'orders', operation: 'GET /webhooks/{subscriptionId}/deliveries', allowed: ownWebhook(200) },
  { service: 'orders', operation: 'POST /webhooks/{subscriptionId}/test', allowed: ownWebhook(202) },
  { service: 'orders', operation: 'POST /webhooks/{subscriptionId}/deliveries/{deliveryId}/retries', allowed: ownWebhook(404) },
  { service: 'orders', operation: 'DELETE /webhooks/{subscriptionId}', allowed: ownWebhook(204) },
  { service: 'orders', operation: 'GET /webhook-deliveries', allowed: { operator: 200 } },
  { service: 'orders', operation: 'POST /webhook-deliveries/{deliveryId}/retries', allowed: { operator: 404 } },
  { service: 'payments', operation: 'GET /payments/{paymentId}', allowed: { support: 200 } },
  { service: 'shipping', operation: 'GET /shipments/{shipmentId}', allowed: { support: 200 } },
  { service: 'tracking', operation: 'GET /orders/{orderId}/timeline', allowed: ownOrder(200) },
  { service: 'tracking', operation: 'GET /flows/{correlationId}', allowed: ownOrder(200) },
  { service: 'orders', operation: 'GET /customers/{customerId}/erasure', allowed: { 'data-protection': 200 } },
  { service: 'orders', operation: 'POST /customers/{customerId}/erasure', allowed: { 'data-protection': 200 } },
  ...operationsOf('orders', 'payment-captured'),
  ...operationsOf('payments', 'order-placed'),
  ...operationsOf('shipping', 'order-placed'),
  ...operationsOf('tracking', 'order-completed'),
  // A token is no signature.
  { service: 'shipping', operation: 'POST /carrier/callbacks', body: {}, allowed: anybody(401) },
];
const SERVICES: readonly ServiceName[] = ['orders', 'payments', 'shipping', 'tracking'];

/** An operation as an OpenAPI document describes it. */
interface Operation {
  readonly responses: Readonly<Record<string, object>>;
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: { readonly example?: object } } } };
}

let system: System;
/** What each service says of its operations, as in `orders POST /orders`. */
const described = new Map<string, Operation>();
let ids: Record<string, string>;
const tokens = new Map<Caller, string | undefined>();
beforeAll(async () => {
  system = await System.start({ WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8' });
  const { stack } = system;
  for (const service of SERVICES) {
    const { paths } = (await ask(`${stack.url(service)}/openapi.json`)).body as { paths: Record<string, Record<string, Operation>> };
    for (const [path, operations] of Object.entries(paths))
      for (const [method, operation] of Object.entries(operations)) described.set(`${service} ${method.toUpperCase()} ${path}`, operation);
  }
  for (const caller of CALLERS) tokens.set(caller, await tokenFor(caller));
  const { body } = await call(OWNER, 'orders', 'POST', '/orders', order);
  const { orderId, jobId, correlationId } = body as Record<string, string>;
  await eventually(async () => expect((await system.get('orders', `/orders/${orderId}`)).body).toMatchObject({ status: 'completed' }));
  await eventually(async () =>
    expect((await system.get('tracking', `/orders/${orderId}/timeline`)).body).toMatchObject({ status: 'completed' }),
  );
  const [payment] = await system.query<{ id: string }>('payments', 'SELECT id FROM payments WHERE order_id = $1', [orderId]);
  const [shipment] = await system.query<{ id: string }>('shipping', 'SELECT id FROM shipments WHERE order_id = $1', [orderId]);
  ids = {
    orderId: orderId!,
    jobId: jobId!,
    correlationId: correlationId!,
    paymentId: payment!.id,
    shipmentId: shipment!.id,
    customerId: newId(),
    deliveryId: newId(),
    resetId: newId(),
  };

  async function tokenFor(caller: Caller): Promise<string | undefined> {
    if (caller === 'stranger') return undefined;
    if (caller === 'forger') return await forged();
    return caller === 'orders' ? await stack.ordersToken() : await tokenOf(stack.issuer.url, caller);
  }
});
afterAll(() => system.end());

async function call(caller: Caller, service: ServiceName, method: string, path: string, body?: object): Promise<Answer> {
  const token = tokens.get(caller);
  return await ask(`${system.stack.url(service)}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    ...(body && { body: JSON.stringify(body) }),
  });
}

/** A token for the operator with every scope, as its issuer would have made it, but by somebody else's key of the same name. */
async function forged(): Promise<string> {
  const { keys } = (await ask(`${system.stack.issuer.url}/jwks`)).body as { keys: [JWK] };
  const { privateKey } = await generateKeyPair('ES256');
  return await new SignJWT({ iss: system.stack.issuer.url, aud: 'past-tense', sub: 'operator', scope: 'operations orders:read orders:any' })
    .setProtectedHeader({ alg: 'ES256', kid: keys[0].kid! })
    .setExpirationTime('1 h')
    .sign(privateKey);
}

/** A webhook of the owner's, made for one try, because some endpoints end it. */
async function freshWebhook(): Promise<string> {
  const { headers, status: answered } = await call(OWNER, 'orders', 'POST', '/webhooks', subscription);
  expect(answered).toBe(201);
  return headers.get('location')!.split('/').at(-1)!;
}

it('holds every endpoint of every service, and each says who may call it', () => {
  expect([...described.keys()].sort()).toEqual(ENDPOINTS.map(({ service, operation }) => `${service} ${operation}`).sort());
});

describe.each(ENDPOINTS)('$service $operation (P1)', ({ service, operation, allowed, body }) => {
  it.each(CALLERS)('called by %s', async (caller) => {
    const [method, template] = operation.split(' ') as [string, string];
    const subscriptionId = template.includes('{subscriptionId}') ? await freshWebhook() : '';
    const path = template.replace(/\{(\w+)\}/g, (_, name: string) => ({ ...ids, subscriptionId })[name]!);

    const answer = await call(caller, service, method, path, body);

    const refused = caller === 'stranger' || caller === 'forger' ? 401 : 403;
    expect(answer.status).toBe(allowed[caller] ?? refused);
    expect(Object.keys(described.get(`${service} ${operation}`)!.responses)).toContain(String(answer.status));
    if (answer.status >= 400) {
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      // What is refused says which request it was, and nothing about what it was about.
      expect(Object.keys(answer.body as object).sort()).toEqual(
        expect.arrayContaining(['correlationId', 'detail', 'instance', 'status', 'title', 'type']),
      );
      expect(JSON.stringify(answer.body)).not.toMatch(/Ada|Main Street|tok_visa|whsec_|at \w+ \(/);
    }
    if (answer.status === 401 && service !== 'shipping') expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    if (subscriptionId) await call(OWNER, 'orders', 'DELETE', `/webhooks/${subscriptionId}`);
  });
});

it('has an example for every body, and each of them works', async () => {
  for (const [name, { requestBody, responses }] of described) {
    if (!requestBody) continue;
    const [service, method, template] = name.split(' ') as [ServiceName, string, string];
    const { example } = requestBody.content['application/json'].schema;
    expect([name, example]).toEqual([name, expect.any(Object)]);
    const subscriptionId = template.includes('{subscriptionId}') ? await freshWebhook() : '';
    const path = template.replace(/\{(\w+)\}/g, (_, parameter: string) => ({ ...ids, subscriptionId })[parameter]!);

    const { status: answered } = await call(template.startsWith('/operations/') ? 'operator' : OWNER, service, method, path, example);

    // The carrier signs its callbacks; and the host of an example need not exist where the test runs.
    const hoped = name.includes('callbacks') ? ['401'] : Object.keys(responses).filter((code) => /^2|422/.test(code));
    expect({ name, hoped }).toEqual({ name, hoped: expect.arrayContaining([String(answered)]) as string[] });
  }
});

describe("shipping's commands (C1)", () => {
  it.each([
    ['stranger', status.UNAUTHENTICATED],
    ['forger', status.UNAUTHENTICATED],
    ['nobody', status.PERMISSION_DENIED],
    [OWNER, status.PERMISSION_DENIED],
    ['support', status.PERMISSION_DENIED],
    ['operator', status.PERMISSION_DENIED],
    // Known and allowed, so this one hears shipping's own answer: too late.
    ['orders', status.FAILED_PRECONDITION],
  ] as const)('sent by %s', async (caller, expected) => {
    const client = new Client(system.stack.commandsAddress, credentials.createInsecure());
    const metadata = new Metadata();
    metadata.set('command-id', newId());
    const token = tokens.get(caller);
    if (token) metadata.set('authorization', `Bearer ${token}`);
    const request = Buffer.concat([Buffer.from([0x0a, 36]), Buffer.from(ids['orderId']!)]);
    const bytes = (value: Buffer) => value;
    try {
      const error = await new Promise<ServiceError | null>((resolve) =>
        client.makeUnaryRequest('/shipping.v1.ShippingCommands/CancelShipment', bytes, bytes, request, metadata, resolve),
      );
      expect(error?.code).toBe(expected);
    } finally {
      client.close();
    }
  });
});

it('is not believed outside of development: a service does not start with the development issuer', async () => {
  const { stack } = system;
  const log = () => readFileSync(stack.logFile('payments'), 'utf8');
  await stack.service('payments')!.stop(8_000);

  await expect(stack.startService('payments', { DEPLOYMENT: 'production' })).rejects.toThrow(/payments does not start/);

  expect(log()).toMatch(/payments cannot start\. The issuer .* is the development issuer, which gives a token to whoever asks/);
});
