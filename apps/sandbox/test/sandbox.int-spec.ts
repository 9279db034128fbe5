import { newId } from '@past-tense/envelope';
import { ask, serviceUnderTest, type ServiceUnderTest } from '@past-tense/testing';

let sandbox: ServiceUnderTest;
beforeAll(async () => {
  sandbox = await serviceUnderTest(['sandbox']);
});
afterAll(() => sandbox.end());

const capture = (orderId: string, key: string, token = 'tok_visa') =>
  sandbox.post('/payments/captures', { orderId, amount: { minorUnits: 500, currency: 'EUR' }, token }, { 'Idempotency-Key': key });
const address = { recipient: 'Ada', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' };
const handOver = (orderId: string, country = 'DE') =>
  sandbox.post('/carrier/parcels', { orderId, address: { ...address, country } }, { 'Idempotency-Key': `parcel-${orderId}` });

describe('the payment provider', () => {
  it('gives the same answer to the same key and charges once, also when asked twenty times at once', async () => {
    const orderId = newId();

    const answers = await Promise.all(Array.from({ length: 20 }, () => capture(orderId, `c-${orderId}`)));

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ body }) => (body as { captureId: string }).captureId)).size).toBe(1);
    expect((await sandbox.get(`/books/${orderId}`)).body).toEqual({
      orderId,
      entries: [{ idempotencyKey: `c-${orderId}`, kind: 'capture', accepted: true, calls: 20 }],
    });
  });

  it('really charges twice when asked with two keys, and its books show it', async () => {
    const before = ((await sandbox.get('/books')).body as { totals: { entries: number; references: number }[] }).totals[0]!;
    const orderId = newId();
    await capture(orderId, `one-${orderId}`);
    await capture(orderId, `two-${orderId}`);

    const after = ((await sandbox.get('/books')).body as { totals: { kind: string; entries: number; references: number }[] }).totals.find(
      ({ kind }) => kind === 'capture',
    )!;
    expect([after.entries - before.entries, after.references - before.references]).toEqual([2, 1]);
  });

  it('refuses a key that was used for something else, and a request without one', async () => {
    const orderId = newId();
    await capture(orderId, `k-${orderId}`);

    expect((await capture(newId(), `k-${orderId}`)).status).toBe(409);
    expect((await capture(orderId, '')).status).toBe(400);
  });

  it('declines by token and refunds what it captured', async () => {
    const orderId = newId();
    expect(await capture(newId(), newId(), 'tok_declined')).toMatchObject({ status: 402, body: { reason: 'insufficient-funds' } });
    expect(await capture(newId(), newId(), 'tok_refused')).toMatchObject({ status: 402, body: { reason: 'refused-by-issuer' } });
    const { captureId } = (await capture(orderId, newId())).body as { captureId: string };

    expect(await sandbox.post('/payments/refunds', { captureId }, { 'Idempotency-Key': newId() })).toMatchObject({
      status: 201,
      body: { refundId: expect.any(String) as string },
    });
    expect((await sandbox.post('/payments/refunds', { captureId: 'cap_none' }, { 'Idempotency-Key': newId() })).status).toBe(404);
  });
});

describe('the carrier', () => {
  it('takes a parcel once and delivers nothing to the ice', async () => {
    const orderId = newId();
    const [first, second] = [await handOver(orderId), await handOver(orderId)];

    expect(first).toMatchObject({ status: 201, body: { trackingNumber: expect.stringMatching(/^PT\d{10}$/) as string } });
    expect(second.body).toEqual(first.body);
    expect(await handOver(newId(), 'AQ')).toMatchObject({ status: 422, body: { reason: 'undeliverable' } });
  });
});

describe('its behaviour', () => {
  const behave = (party: string, behaviour: object) =>
    ask(`${sandbox.stack.url('sandbox')}/behaviour/${party}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(behaviour),
    });
  afterEach(() => behave('payments', {}));

  it('fails without doing anything, or after having done it', async () => {
    const [first, second] = [newId(), newId()];
    await behave('payments', { failure: 'error' });
    expect((await capture(first, newId())).status).toBe(500);
    await behave('payments', { failure: 'error-after-effect' });
    expect((await capture(second, newId())).status).toBe(500);

    expect((await sandbox.get(`/books/${first}`)).body).toMatchObject({ entries: [] });
    expect((await sandbox.get(`/books/${second}`)).body).toMatchObject({ entries: [{ accepted: true }] });
  });

  it('drops the connection when told to', async () => {
    await behave('payments', { failure: 'closed' });

    await expect(capture(newId(), newId())).rejects.toThrow('fetch failed');
  });

  it('is only what the API describes', async () => {
    expect((await behave('payments', { failure: 'sometimes' })).status).toBe(400);
    expect((await behave('weather', {})).status).toBe(404);
  });
});
