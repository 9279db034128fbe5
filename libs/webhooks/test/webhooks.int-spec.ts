import type { INestApplication } from '@nestjs/common';
import type { Database } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { ask, eventually, testDatabase, type Answer } from '@past-tense/testing';
import { z } from 'zod';
import { believes, Receiver, type ReceivedCall } from './receiver';
import { openDatabase, startService } from './running-service';
import { takeDue, type DueDelivery } from '../src/deliveries/due-delivery';
import { Webhooks, webhookSettings, WebhooksModule, WEBHOOKS_MIGRATIONS, type Resolve } from '../src/index';
import { Subscriptions } from '../src/subscriptions/subscriptions';

const HOUR_MS = 3_600_000;
const EVENTS = { 'job.succeeded': 'A job has succeeded.', 'job.failed': 'A job has failed.' };

let database: Database;
let url: string;
const closing: (() => Promise<void>)[] = [];

beforeEach(async () => {
  database = await openDatabase(await testDatabase(), WEBHOOKS_MIGRATIONS);
});
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
  await database.close();
});

/** Starts an instance of the service; the last one started is the one that is asked. */
async function start(env: Record<string, string> = {}, resolve?: Resolve): Promise<INestApplication> {
  const settings = z.object(webhookSettings).parse({
    WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
    WEBHOOK_RETRY_DELAYS_MS: '20,20,20',
    WEBHOOK_TIMEOUT_MS: '2000',
    ...env,
  });
  const started = await startService(database, settings, [WebhooksModule.register({ events: EVENTS, ...(resolve && { resolve }) })]);
  url = started.url;
  closing.push(() => started.app.close());
  return started.app;
}

async function receiver(answer?: Receiver['answer']): Promise<Receiver> {
  const started = await Receiver.start(answer);
  closing.push(() => started.stop());
  return started;
}

const respond =
  (status: number, headers = {}): Receiver['answer'] =>
  (response) =>
    void response.writeHead(status, headers).end('do not read this');

type Body = Record<string, unknown> & { id: string; secret: string; items: Record<string, unknown>[]; nextCursor?: string };

async function call(method: string, path: string, body?: unknown, caller = 'ada webhooks:manage'): Promise<Answer & { body: Body }> {
  const headers = { 'x-caller': caller, ...(body !== undefined && { 'content-type': 'application/json' }) };
  return (await ask(`${url}${path}`, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })) as Answer & {
    body: Body;
  };
}

async function subscribe(target: string, caller?: string): Promise<Body> {
  const { status, body } = await call('POST', '/webhooks', { url: target, events: ['job.succeeded'] }, caller);
  expect(status).toBe(201);
  return body;
}

const announce = (app: INestApplication, subject = newId(), owner = 'ada') =>
  database.transaction((transaction) =>
    app.get(Webhooks).announce(transaction, {
      owner,
      type: 'job.succeeded',
      subject,
      occurredAt: new Date('2026-01-05T09:30:00Z'),
      data: { jobId: subject },
    }),
  );

const deliveries = async (id: string, query = '') => (await call('GET', `/webhooks/${id}/deliveries${query}`)).body.items;

describe('an announcement', () => {
  it('reaches who subscribed, signed so that the library believes it', async () => {
    const target = await receiver();
    const app = await start();
    const { id, secret } = await subscribe(target.url);
    const subject = newId();

    await announce(app, subject);

    const received = await eventually(() => first(target));
    expect(believes(secret, received)).toBe(true);
    expect(received.body).toBe(JSON.stringify({ type: 'job.succeeded', timestamp: '2026-01-05T09:30:00.000Z', data: { jobId: subject } }));
    expect(received.method).toBe('POST');
    expect(received.headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'past-tense-webhooks/1' });
    await eventually(async () =>
      expect(await deliveries(id)).toEqual([
        expect.objectContaining({ id: received.id, state: 'delivered', attempts: 1, lastStatus: 204, subject, type: 'job.succeeded' }),
      ]),
    );
  });

  it('is told once to each subscription that wants it, however often it is made', async () => {
    const [one, two, other, disabled] = await Promise.all([receiver(), receiver(), receiver(), receiver()]);
    const app = await start();
    await subscribe(one.url);
    await subscribe(two.url);
    await subscribe(other.url, 'eve webhooks:manage');
    await call('PATCH', `/webhooks/${(await subscribe(disabled.url)).id}`, { status: 'disabled' });
    await call('POST', '/webhooks', { url: other.url, events: ['job.failed'] });
    const subject = newId();

    await announce(app, subject);
    await announce(app, subject);
    await announce(app);

    await eventually(() => expect([one.calls, two.calls].map(({ length }) => length)).toEqual([2, 2]));
    expect([other.calls, disabled.calls]).toEqual([[], []]);
  });

  it('is not told if its transaction is rolled back', async () => {
    const target = await receiver();
    const app = await start();
    await subscribe(target.url);

    const failing = database.transaction(async (transaction) => {
      await app
        .get(Webhooks)
        .announce(transaction, { owner: 'ada', type: 'job.succeeded', subject: newId(), occurredAt: new Date(), data: {} });
      throw new Error('the change failed');
    });

    await expect(failing).rejects.toThrow('the change failed');
    const subject = newId();
    await announce(app, subject);
    await eventually(() => expect(target.calls.map(({ body }) => body)).toEqual([expect.stringContaining(subject)]));
  });

  it('of a type that nobody can subscribe to is refused', async () => {
    const app = await start();
    const made = (type: string) =>
      database.transaction((transaction) =>
        app.get(Webhooks).announce(transaction, { owner: 'ada', type, subject: newId(), occurredAt: new Date(), data: {} }),
      );

    await expect(made('job.exploded')).rejects.toThrow('Nobody can subscribe to job.exploded');
    await expect(made('toString')).rejects.toThrow('Nobody can subscribe to toString');
  });

  it('does not fail because a subscription is deleted meanwhile', async () => {
    const target = await receiver();
    const app = await start();
    const ids = await Promise.all(Array.from({ length: 10 }, async () => (await subscribe(target.url)).id));

    await Promise.all([...ids.map((id) => call('DELETE', `/webhooks/${id}`)), ...Array.from({ length: 40 }, () => announce(app))]);

    expect((await call('GET', '/webhooks')).body.items).toEqual([]);
  });
});

describe('a failed attempt', () => {
  it('is made again with the same id and a fresh signature until the receiver takes it', async () => {
    const target = await receiver();
    let failures = 2;
    target.answer = (response) => void response.writeHead(failures-- > 0 ? 500 : 200).end();
    const app = await start();
    const { id, secret } = await subscribe(target.url);

    await announce(app);

    await eventually(async () => expect(await deliveries(id, '?state=delivered')).toMatchObject([{ attempts: 3, lastStatus: 200 }]));
    expect(new Set(target.calls.map((received) => received.id)).size).toBe(1);
    expect(target.calls.every((received) => believes(secret, received))).toBe(true);
  });

  it('parks the delivery when it was the last one; sent again, its attempts start anew', async () => {
    const target = await receiver(respond(500));
    const app = await start();
    const { id } = await subscribe(target.url);
    await announce(app);
    await eventually(async () =>
      expect(await deliveries(id, '?state=parked')).toMatchObject([{ attempts: 4, lastStatus: 500, lastError: 'answered 500' }]),
    );
    const [parked] = await deliveries(id);
    const path = `/webhooks/${id}/deliveries/${String(parked!['id'])}/retries`;

    expect((await call('POST', path, undefined, 'eve webhooks:manage')).status).toBe(404);
    target.answer = respond(200);
    expect(await call('POST', path)).toMatchObject({ status: 202, body: { deliveryId: parked!['id'] } });

    await eventually(async () => expect(await deliveries(id)).toMatchObject([{ state: 'delivered', attempts: 1 }]));
    expect(new Set(target.calls.map((received) => received.id)).size).toBe(1);
    expect((await call('POST', path)).status).toBe(409);
  });

  it('parks at once and disables the subscription if the target is gone', async () => {
    const target = await receiver(respond(410));
    const app = await start();
    const { id } = await subscribe(target.url);

    await announce(app);

    await eventually(async () => expect(await deliveries(id)).toMatchObject([{ state: 'parked', attempts: 1, lastError: 'answered 410' }]));
    expect((await call('GET', `/webhooks/${id}`)).body).toMatchObject({ status: 'disabled' });
    const [{ id: parked } = { id: '' }] = await deliveries(id);
    expect(await call('POST', `/webhooks/${id}/deliveries/${String(parked)}/retries`)).toMatchObject({ status: 409 });
  });

  it('is not made while the subscription is disabled: what comes due then is parked, and can be sent later', async () => {
    const target = await receiver(respond(500));
    const app = await start({ WEBHOOK_RETRY_DELAYS_MS: '1500' });
    const { id } = await subscribe(target.url);
    await announce(app);
    await eventually(async () => expect(await deliveries(id)).toMatchObject([{ state: 'waiting', attempts: 1 }]));
    await call('PATCH', `/webhooks/${id}`, { status: 'disabled' });
    await eventually(async () =>
      expect(await deliveries(id)).toMatchObject([{ state: 'parked', attempts: 1, lastError: 'the subscription is disabled' }]),
    );
    const [parked] = await deliveries(id);
    target.answer = respond(200);

    await call('PATCH', `/webhooks/${id}`, { status: 'active' });
    await call('POST', `/webhooks/${id}/deliveries/${String(parked!['id'])}/retries`);

    await eventually(async () => expect(await deliveries(id)).toMatchObject([{ state: 'delivered', attempts: 1 }]));
    expect(target.calls).toHaveLength(2);
  });

  it.each([
    [429, { 'retry-after': '100' }, 100],
    [503, { 'retry-after': '86400' }, 3_600],
    [503, { 'retry-after': new Date(Date.now() + 900_000).toUTCString() }, 900],
    [500, { 'retry-after': '100' }, 0.02],
    [503, { 'retry-after': 'soon' }, 0.02],
  ])('that was answered %i with %j is followed by the next one about %d s later', async (status, headers, seconds) => {
    const target = await receiver(respond(status, headers));
    const app = await start({ WEBHOOK_RETRY_DELAYS_MS: '20,3600000' });
    const { id } = await subscribe(target.url);

    await announce(app);

    // With a short delay the second attempt follows; what is then waited for is the long delay.
    const attempts = seconds < 1 ? 2 : 1;
    const [delivery] = await eventually(async () => {
      const found = await deliveries(id);
      expect(found).toMatchObject([{ state: 'waiting', attempts, lastError: `answered ${status}` }]);
      return found;
    });
    if (seconds < 1) return;
    const { nextAttemptAt, lastAttemptAt } = delivery as { nextAttemptAt: string; lastAttemptAt: string };
    expect(Math.abs(Date.parse(nextAttemptAt) - Date.parse(lastAttemptAt) - seconds * 1000)).toBeLessThan(30_000);
  });

  it('is told in one of a few sentences, with nothing of what was answered', async () => {
    const elsewhere = await receiver();
    const redirecting = await receiver(respond(307, { location: elsewhere.url }));
    const silent = await receiver(() => undefined);
    const resetting = await receiver((response) => response.destroy());
    const closed = await Receiver.start();
    const closedUrl = closed.url;
    await closed.stop();
    const app = await start({ WEBHOOK_TIMEOUT_MS: '300', WEBHOOK_RETRY_DELAYS_MS: '3600000' });
    const told = new Map<string, string>();
    for (const [target, error] of [
      [redirecting.url, 'redirects are not followed'],
      [silent.url, 'timed out'],
      [resetting.url, 'connection failed'],
      [closedUrl, 'connection failed'],
      [closedUrl.replace('http:', 'https:'), 'connection failed'],
      [silent.url.replace('http:', 'https:'), 'connection failed'],
    ] as const)
      told.set((await subscribe(target)).id, error);

    await announce(app);

    for (const [id, lastError] of told)
      await eventually(async () => expect(await deliveries(id)).toMatchObject([{ lastError, attempts: 1 }]));
    expect(elsewhere.calls).toEqual([]);
  });

  it.each<[string, Receiver['answer']]>([
    ['endless', (response) => endless(response.writeHead(200))],
    ['never finished', (response) => void response.writeHead(200).write('a')],
    ['cut off', (response) => void response.writeHead(200, { 'content-length': '100' }).write('a', () => response.destroy())],
  ])('is not what an answer is whose body is %s: the status tells', async (_, answer) => {
    const target = await receiver(answer);
    const app = await start();
    const { id } = await subscribe(target.url);

    await announce(app);

    await eventually(async () => expect(await deliveries(id)).toMatchObject([{ state: 'delivered', lastStatus: 200 }]));
  });
});

describe('the network', () => {
  it('is reached at the address that was checked, whatever the name means to others', async () => {
    const target = await receiver();
    const app = await start({}, async () => [{ address: '127.0.0.1', family: 4 }]);
    await subscribe(`http://hooks.invalid:${target.port}/`);

    await announce(app);

    expect((await eventually(() => first(target))).headers.host).toBe(`hooks.invalid:${target.port}`);
  });

  it('is not reached when the name means something else at the attempt', async () => {
    const inside = await receiver();
    const answers = ['127.0.0.1'];
    const app = await start({ WEBHOOK_RETRY_DELAYS_MS: '3600000' }, async () => [{ address: answers.pop() ?? '10.0.0.1', family: 4 }]);
    const { id } = await subscribe(`http://rebinding.example.com:${inside.port}/`);

    await announce(app);

    await eventually(async () => expect(await deliveries(id)).toMatchObject([{ attempts: 1, lastError: 'the target is not allowed' }]));
    expect(inside.calls).toEqual([]);
  });

  it('is asked for each name of a target once at each attempt', async () => {
    const target = await receiver();
    let asked = 0;
    const app = await start({}, async () => {
      asked += 1;
      return [{ address: '127.0.0.1', family: 4 }];
    });
    await subscribe(`http://hooks.example.com:${target.port}/`);
    await announce(app);
    await eventually(() => first(target));

    expect(asked).toBe(2);
  });
});

describe('several instances', () => {
  it('send each delivery once', async () => {
    const targets = await Promise.all(Array.from({ length: 5 }, () => receiver()));
    const app = await start();
    for (const target of targets) await subscribe(target.url);
    await start();
    await start();

    await Promise.all(Array.from({ length: 30 }, () => announce(app)));

    await eventually(async () =>
      expect(await database.query({ name: 'left', text: `SELECT id FROM webhook_deliveries WHERE state <> 'delivered'` })).toEqual([]),
    );
    for (const target of targets) expect(new Set(target.calls.map(({ id }) => id)).size).toBe(30);
    for (const target of targets) expect(target.calls).toHaveLength(30);
  });

  it('take over what one had sent and not settled when it was killed, with the same id', async () => {
    const target = await receiver();
    const app = await start();
    await subscribe(target.url);
    await app.close();
    await announce(app);
    // This is all that a process leaves that is killed while the receiver answers: a row that is taken for a while.
    const [taken] = await database.query<DueDelivery>(takeDue(400), [10]);

    await start();

    expect((await eventually(() => first(target))).id).toBe(taken!.id);
    await eventually(async () =>
      expect(await database.query({ name: 'settled', text: 'SELECT state, attempts FROM webhook_deliveries' })).toEqual([
        { state: 'delivered', attempts: 1 },
      ]),
    );
  });

  it('that stop leave nothing undone: a call that is cut off is made again and counts as no failure', async () => {
    const target = await receiver(() => undefined);
    const stopping = await start({ WEBHOOK_TIMEOUT_MS: '60000' });
    const { id } = await subscribe(target.url);
    await announce(stopping);
    await eventually(() => first(target));

    await stopping.close();
    target.answer = respond(200);
    await start();

    await eventually(async () => expect(await deliveries(id)).toMatchObject([{ state: 'delivered', attempts: 1 }]));
    expect(new Set(target.calls.map((received) => received.id)).size).toBe(1);
  });
});

describe('a slow receiver', () => {
  it('does not hold up the others, and what waits for it uses up no attempt', async () => {
    const [slow, fast] = await Promise.all([receiver(() => undefined), receiver()]);
    const app = await start({ WEBHOOK_TIMEOUT_MS: '60000' });
    const { id } = await subscribe(slow.url);
    for (let i = 0; i < 40; i += 1) await announce(app);
    await eventually(() => expect(slow.open).toBe(4));

    await subscribe(fast.url);
    for (let i = 0; i < 10; i += 1) await announce(app);

    await eventually(() => expect(fast.calls).toHaveLength(10));
    expect(slow.mostOpen).toBe(4);
    expect((await deliveries(id, '?limit=100')).every(({ attempts, state }) => attempts === 0 && state === 'waiting')).toBe(true);
    slow.answer = respond(200);
  });

  it('of one owner leaves room for other owners, even with many hosts', async () => {
    const slow = await Promise.all(Array.from({ length: 6 }, () => receiver(() => undefined)));
    const fast = await receiver();
    const app = await start({ WEBHOOK_TIMEOUT_MS: '60000' });
    for (const target of slow) await subscribe(target.url);
    await subscribe(fast.url, 'eve webhooks:manage');
    for (let i = 0; i < 10; i += 1) await announce(app);
    await eventually(() => expect(slow.reduce((sum, { open }) => sum + open, 0)).toBe(10));

    await announce(app, newId(), 'eve');

    await eventually(() => expect(fast.calls).toHaveLength(1));
  });
});

describe('a rotation', () => {
  it('signs with both secrets during the overlap, and with the new one alone after it', async () => {
    const target = await receiver();
    const app = await start();
    const { id, secret: old } = await subscribe(target.url);

    const { status, body } = await call('POST', `/webhooks/${id}/secret-rotations`);
    await announce(app);

    expect(status).toBe(200);
    const during = await eventually(() => first(target));
    expect([believes(old, during), believes(body.secret, during)]).toEqual([true, true]);
    expect(String(during.headers['webhook-signature']).split(' ')).toHaveLength(2);

    const later = (await subscribe(target.url)) as { id: string; secret: string };
    const [fresh] = (await app.get(Subscriptions).rotate('ada', later.id, new Date(Date.now() - 25 * HOUR_MS)))!;
    await call('DELETE', `/webhooks/${id}`);
    target.calls.length = 0;
    await announce(app);

    const after = await eventually(() => first(target));
    expect([believes(later.secret, after), believes(fresh.secret, after)]).toEqual([false, true]);
  });
});

describe('what is old', () => {
  it('is deleted after 30 days if it was delivered or is a test that nobody took; what else is parked stays', async () => {
    const [taking, refusing] = await Promise.all([receiver(), receiver(respond(500))]);
    const app = await start();
    const [{ id: taken }, { id: refused }] = [await subscribe(taking.url), await subscribe(refusing.url)];
    const states = async () =>
      (await Promise.all([taken, refused].map((id) => deliveries(id)))).map((found) => found.map(({ state }) => state));
    await announce(app);
    await announce(app);
    await call('POST', `/webhooks/${refused}/test`);
    await eventually(async () => expect(await states()).toEqual([Array(2).fill('delivered'), Array(3).fill('parked')]));
    const [kept] = await deliveries(taken);
    await database.query(
      {
        name: 'age',
        text: `UPDATE webhook_deliveries SET created_at = created_at - interval '31 days',
               delivered_at = delivered_at - interval '31 days' WHERE id <> $1`,
      },
      [kept!['id']],
    );

    await start();

    await eventually(async () => expect((await deliveries(taken)).map(({ id }) => id)).toEqual([kept!['id']]));
    await eventually(async () => expect((await deliveries(refused)).map(({ type }) => type)).toEqual(['job.succeeded', 'job.succeeded']));
  });
});

function first({ calls }: Receiver): ReceivedCall {
  const [received] = calls;
  if (!received) throw new Error('nothing was received');
  return received;
}

function endless(response: Parameters<Receiver['answer']>[0]): void {
  const more = () => {
    while (!response.destroyed && response.write('a'.repeat(16_384)));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
}
