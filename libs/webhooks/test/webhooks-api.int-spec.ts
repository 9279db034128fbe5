import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { Database } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { ask, eventually, testDatabase, type Answer } from '@past-tense/testing';
import { z } from 'zod';
import { Receiver, believes } from './receiver';
import { openDatabase, startService } from './running-service';
import { Webhooks, webhookSettings, WebhooksModule, WEBHOOKS_MIGRATIONS } from '../src/index';

const ADA = 'ada webhooks:manage';
const EVE = 'eve webhooks:manage';
const OPERATOR = 'olga operations';
const TARGET = 'https://hooks.example.com/a';

let database: Database;
let app: INestApplication;
let url: string;
let refusing: Receiver;
// The look-ups of slow names; each goes on when it is called.
const slow: (() => void)[] = [];
beforeAll(async () => {
  database = await openDatabase(await testDatabase(), WEBHOOKS_MIGRATIONS);
  refusing = await Receiver.start((response) => void response.writeHead(500).end());
  const settings = z.object(webhookSettings).parse({ WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8', WEBHOOK_RETRY_DELAYS_MS: '1' });
  ({ app, url } = await startService(database, settings, [
    WebhooksModule.register({
      events: { 'job.succeeded': 'A job has succeeded.', 'job.failed': 'A job has failed.' },
      resolve: async (name) => {
        if (name.startsWith('slow')) await new Promise<void>((resolve) => slow.push(resolve));
        return [{ address: name.startsWith('intranet') ? '10.0.0.1' : '93.184.215.14', family: 4 }];
      },
    }),
  ]));
});
afterAll(async () => {
  await app.close();
  await refusing.stop();
  await database.close();
});
beforeEach(() => database.query({ name: 'clear', text: 'DELETE FROM webhook_subscriptions' }));

type Body = Record<string, unknown> & { id: string; secret: string; items: { id: string }[]; nextCursor?: string };

async function call(caller: string, method: string, path: string, body?: unknown): Promise<Answer & { body: Body }> {
  const headers = { 'x-caller': caller, ...(body !== undefined && { 'content-type': 'application/json' }) };
  return (await ask(`${url}${path}`, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })) as Answer & {
    body: Body;
  };
}
const subscribe = async (target = TARGET, caller = ADA) =>
  (await call(caller, 'POST', '/webhooks', { url: target, events: ['job.succeeded'] })).body;

async function park(many: number): Promise<string> {
  const { id } = await subscribe(refusing.url);
  for (let i = 0; i < many; i += 1)
    await database.transaction((transaction) =>
      app
        .get(Webhooks)
        .announce(transaction, { owner: 'ada', type: 'job.succeeded', subject: newId(), occurredAt: new Date(), data: { i } }),
    );
  await eventually(async () => expect((await call(OPERATOR, 'GET', '/webhook-deliveries')).body.items).toHaveLength(many));
  return id;
}

describe('a subscription', () => {
  it('is made, and its secret is shown in that answer only', async () => {
    const { status, headers, body } = await call(ADA, 'POST', '/webhooks', { url: TARGET, events: ['job.succeeded', 'job.failed'] });
    const { secret, ...shown } = body;

    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/webhooks/${body.id}`);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(shown).toMatchObject({ url: TARGET, events: ['job.succeeded', 'job.failed'], status: 'active' });
    expect((await call(ADA, 'GET', `/webhooks/${body.id}`)).body).toEqual(shown);
    expect((await call(ADA, 'GET', '/webhooks')).body).toEqual({ items: [shown] });
    expect((await call(ADA, 'PATCH', `/webhooks/${body.id}`, { events: ['job.failed'] })).body).toEqual({
      ...shown,
      events: ['job.failed'],
    });
  });

  it.each([
    [{}, ['/url', '/events']],
    [{ url: 5, events: 'job.succeeded' }, ['/url', '/events']],
    [{ url: 'http//', events: [], color: 'red' }, ['/url', '/events', '/color']],
    [{ url: TARGET, events: ['job.succeeded', 'job.exploded'] }, ['/events/1']],
    [{ url: TARGET, events: ['toString'] }, ['/events/0']],
    [{ url: TARGET, events: ['job.failed', 'job.failed'] }, ['/events']],
    [{ url: 'https://ada:secret@example.com/', events: ['job.failed'] }, ['/url']],
    [{ url: 'ftp://example.com/', events: ['job.failed'] }, ['/url']],
    [{ url: `https://example.com/${'a'.repeat(2048)}`, events: ['job.failed'] }, ['/url']],
  ])('asked for with %j is refused, every wrong field named', async (body, pointers) => {
    const answer = await call(ADA, 'POST', '/webhooks', body);
    const errors = answer.body['errors'] as { pointer: string }[];

    expect(answer).toMatchObject({ status: 400, body: { type: 'urn:past-tense:problem:invalid-request' } });
    expect(errors.map(({ pointer }) => pointer).sort()).toEqual([...pointers].sort());
    expect(JSON.stringify(answer.body)).not.toContain('secret@');
  });

  it.each([
    'https://intranet.example.com/',
    'https://10.0.0.1/',
    'http://hooks.example.com/',
    'https://hooks.example.com:22/',
    'https://3232235777/',
  ])('for %s is refused, and nothing is said about the network', async (target) => {
    const made = await call(ADA, 'POST', '/webhooks', { url: target, events: ['job.failed'] });
    const changed = await call(ADA, 'PATCH', `/webhooks/${(await subscribe()).id}`, { url: target });

    for (const { status, body } of [made, changed]) {
      expect(status).toBe(422);
      expect(body).toEqual({
        type: 'urn:past-tense:problem:target-not-allowed',
        title: 'Target not allowed',
        status: 422,
        detail: 'Webhooks are not sent to this target.',
        errors: [{ pointer: '/url', detail: 'the target is not allowed' }],
      });
    }
  });

  it('whose target is being checked holds up its owner only', async () => {
    const { id } = await subscribe();
    const subscribing = call(ADA, 'POST', '/webhooks', { url: 'https://slow.example.com/', events: ['job.failed'] });
    await eventually(() => expect(slow).toHaveLength(1));

    const made = await call(ADA, 'POST', '/webhooks', { url: TARGET, events: ['job.failed'] });
    const changed = await call(ADA, 'PATCH', `/webhooks/${id}`, { url: TARGET });

    for (const answer of [made, changed])
      expect(answer).toMatchObject({ status: 429, body: { type: 'urn:past-tense:problem:too-many-requests' } });
    expect((await call(ADA, 'PATCH', `/webhooks/${id}`, { status: 'disabled' })).status).toBe(200);
    expect((await call(EVE, 'POST', '/webhooks', { url: TARGET, events: ['job.failed'] })).status).toBe(201);
    for (const goOn of slow.splice(0)) goOn();
    expect((await subscribing).status).toBe(201);
    expect((await call(ADA, 'PATCH', `/webhooks/${id}`, { url: TARGET })).status).toBe(200);
  });

  it('of another owner is answered like one that does not exist', async () => {
    const { id } = await subscribe();
    const deliveryId = newId();

    for (const [method, path, body] of [
      ['GET', ''],
      ['PATCH', '', { status: 'disabled' }],
      ['DELETE', ''],
      ['POST', '/secret-rotations'],
      ['GET', '/deliveries'],
      ['POST', `/deliveries/${deliveryId}/retries`],
      ['POST', '/test'],
    ] as const) {
      const missing = newId();
      const [foreign, unknown] = [
        await call(EVE, method, `/webhooks/${id}${path}`, body),
        await call(EVE, method, `/webhooks/${missing}${path}`, body),
      ];
      expect(foreign.status).toBe(404);
      expect(JSON.stringify(foreign.body).replaceAll(id, missing)).toBe(JSON.stringify(unknown.body));
    }
    expect((await call(EVE, 'GET', '/webhooks')).body.items).toEqual([]);
    expect((await call(ADA, 'GET', `/webhooks/${id}`)).body).toMatchObject({ status: 'active' });
  });

  it('can be had twenty times by an owner, however many are asked for at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 24 }, () => call(ADA, 'POST', '/webhooks', { url: TARGET, events: ['job.failed'] })),
    );

    expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(20).fill(201), ...Array<number>(4).fill(409)]);
    expect(answers.find(({ status }) => status === 409)?.body).toMatchObject({ type: 'urn:past-tense:problem:too-many-subscriptions' });
    expect((await call(EVE, 'POST', '/webhooks', { url: TARGET, events: ['job.failed'] })).status).toBe(201);
    await call(ADA, 'DELETE', `/webhooks/${(await call(ADA, 'GET', '/webhooks')).body.items[0]!.id}`);
    expect((await call(ADA, 'POST', '/webhooks', { url: TARGET, events: ['job.failed'] })).status).toBe(201);
  });

  it('is gone once it is deleted', async () => {
    const { id } = await subscribe();

    expect((await call(ADA, 'DELETE', `/webhooks/${id}`)).status).toBe(204);
    expect((await call(ADA, 'GET', `/webhooks/${id}`)).status).toBe(404);
    expect((await call(ADA, 'DELETE', `/webhooks/${id}`)).status).toBe(404);
  });

  it.each([[{}], [{ status: 'gone' }], [{ owner: 'eve' }], [{ events: [] }], [{ url: null }], [[]]])(
    'is not changed to %j',
    async (change) => {
      const { id } = await subscribe();

      expect((await call(ADA, 'PATCH', `/webhooks/${id}`, change)).status).toBe(400);
    },
  );

  it('gets a new secret when it is asked for, and each of them once', async () => {
    const { id, secret } = await subscribe();

    const { body } = await call(ADA, 'POST', `/webhooks/${id}/secret-rotations`);

    expect(body.secret).toMatch(/^whsec_/);
    expect(body.secret).not.toBe(secret);
    expect(Date.parse(String(body['previousValidUntil'])) - Date.now()).toBeGreaterThan(23 * 3_600_000);
  });

  it('can be tried out', async () => {
    const target = await Receiver.start();
    const { id, secret } = await subscribe(target.url);

    const { status, body } = await call(ADA, 'POST', `/webhooks/${id}/test`);

    expect(status).toBe(202);
    await eventually(() => expect(target.calls).toMatchObject([{ id: body['deliveryId'] }]));
    expect(believes(secret, target.calls[0]!)).toBe(true);
    await call(ADA, 'PATCH', `/webhooks/${id}`, { status: 'disabled' });
    expect((await call(ADA, 'POST', `/webhooks/${id}/test`)).status).toBe(409);
    await target.stop();
  });

  it('has one test at a time: a new one takes the place of one that waits, was delivered or is parked', async () => {
    const target = await Receiver.start();
    const { id, secret } = await subscribe(target.url);
    const state = async () => (await call(ADA, 'GET', `/webhooks/${id}/deliveries`)).body.items as Record<string, unknown>[];
    const test = async () => (await call(ADA, 'POST', `/webhooks/${id}/test`)).body['deliveryId'];
    const delivered = await test();
    await eventually(async () => expect(await state()).toMatchObject([{ id: delivered, state: 'delivered' }]));
    target.answer = (response) => void response.writeHead(500).end();
    const parked = await test();
    await eventually(async () => expect(await state()).toMatchObject([{ id: parked, state: 'parked', attempts: 2 }]));
    target.answer = (response) => void response.writeHead(503, { 'retry-after': '3600' }).end();
    const waiting = await test();
    await eventually(async () => expect(await state()).toMatchObject([{ id: waiting, state: 'waiting', attempts: 1, lastStatus: 503 }]));
    target.answer = (response) => void response.writeHead(204).end();

    const last = await test();

    await eventually(async () => expect(await state()).toMatchObject([{ id: last, state: 'delivered', attempts: 1, lastStatus: 204 }]));
    // A receiver passes over an id that it knows.
    expect(new Set([delivered, parked, waiting, last]).size).toBe(4);
    expect([...new Set(target.calls.map((received) => received.id))]).toEqual([delivered, parked, waiting, last]);
    expect(target.calls.every((received) => believes(secret, received))).toBe(true);
    await target.stop();
  });

  it('has no second test while one is being sent, however often it is asked for', async () => {
    const answers: (() => void)[] = [];
    const target = await Receiver.start((response) => void answers.push(() => response.writeHead(204).end()));
    const { id } = await subscribe(target.url);
    const { body } = await call(ADA, 'POST', `/webhooks/${id}/test`);
    await eventually(() => expect(target.calls).toHaveLength(1));

    const more = await Promise.all(Array.from({ length: 10 }, () => call(ADA, 'POST', `/webhooks/${id}/test`)));

    expect(more.map((answer) => [answer.status, answer.body['deliveryId']])).toEqual(Array(10).fill([202, body['deliveryId']]));
    for (const answer of answers.splice(0)) answer();
    await eventually(async () =>
      expect((await call(ADA, 'GET', `/webhooks/${id}/deliveries`)).body.items).toMatchObject([
        { id: body['deliveryId'], state: 'delivered' },
      ]),
    );
    expect(target.calls).toHaveLength(1);
    await target.stop();
  });

  it('has one test even if several are asked for at once', async () => {
    const { id } = await subscribe(refusing.url);

    const answers = await Promise.all(Array.from({ length: 12 }, () => call(ADA, 'POST', `/webhooks/${id}/test`)));

    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(202));
    expect((await call(ADA, 'GET', `/webhooks/${id}/deliveries`)).body.items).toHaveLength(1);
  });

  it('needs the scope', async () => {
    expect((await call('ada orders:read', 'GET', '/webhooks')).status).toBe(403);
    expect((await call(OPERATOR, 'GET', '/webhooks')).status).toBe(403);
    expect((await call(ADA, 'GET', '/webhook-deliveries')).status).toBe(403);
    expect((await call(ADA, 'POST', `/webhook-deliveries/${newId()}/retries`)).status).toBe(403);
  });
});

describe('deliveries', () => {
  it('come in pages, the newest first', async () => {
    const id = await park(5);
    const path = `/webhooks/${id}/deliveries?state=parked&limit=2`;
    const pages: string[][] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined;) {
      const { body }: { body: Body } = await call(ADA, 'GET', `${path}${cursor && `&cursor=${cursor}`}`);
      pages.push(body.items.map((delivery) => delivery.id));
      cursor = body.nextCursor;
    }

    expect(pages.map(({ length }) => length)).toEqual([2, 2, 1]);
    expect(pages.flat()).toEqual([...new Set(pages.flat())].sort().reverse());
    expect((await call(ADA, 'GET', `/webhooks/${id}/deliveries?state=delivered`)).body.items).toEqual([]);
  });

  it.each([
    ['limit=0', '/limit'],
    ['limit=101', '/limit'],
    ['limit=many', '/limit'],
    ['cursor=1', '/cursor'],
    ['state=lost', '/state'],
    ['colour=red', '/colour'],
    ['limit=1&limit=2', '/limit'],
  ])('asked for with %s are refused', async (query, pointer) => {
    const { id } = await subscribe();

    for (const { status, body } of [
      await call(ADA, 'GET', `/webhooks/${id}/deliveries?${query}`),
      await call(OPERATOR, 'GET', `/webhook-deliveries?${query}`),
    ]) {
      expect(status).toBe(400);
      expect(body['errors']).toEqual([expect.objectContaining({ pointer })]);
    }
  });

  it('that are parked are seen by an operator and sent again', async () => {
    await park(2);
    const { items } = (await call(OPERATOR, 'GET', '/webhook-deliveries?state=parked')).body;
    refusing.answer = (response) => void response.writeHead(200).end();

    expect((await call(OPERATOR, 'POST', `/webhook-deliveries/${items[0]!.id}/retries`)).status).toBe(202);

    await eventually(async () => expect((await call(OPERATOR, 'GET', '/webhook-deliveries')).body.items).toEqual([items[1]]));
    await eventually(async () => expect((await call(OPERATOR, 'POST', `/webhook-deliveries/${items[0]!.id}/retries`)).status).toBe(409));
    expect((await call(OPERATOR, 'POST', `/webhook-deliveries/${newId()}/retries`)).status).toBe(404);
    expect((await call(OPERATOR, 'POST', '/webhook-deliveries/1/retries')).status).toBe(400);
    refusing.answer = (response) => void response.writeHead(500).end();
  });
});

describe('the API documentation', () => {
  it('says what every operation takes, answers and refuses', () => {
    const { paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build());
    const operations: Record<string, unknown>[] = Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ name: `${method} ${path}`, ...(operation as object) })),
    );

    expect(operations).toHaveLength(11);
    for (const { name, summary, responses } of operations) {
      expect([name, summary]).toEqual([name, expect.any(String)]);
      expect([name, Object.keys(responses as object)]).toEqual([name, expect.arrayContaining(['400', '401', '403', '429'])]);
    }
    const document = JSON.stringify(paths['/webhooks']);
    expect(document).toContain('"enum":["job.succeeded","job.failed"]');
    expect(document).toContain('A job has failed.');
  });
});
