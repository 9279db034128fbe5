import { Body, Controller, HttpCode, Post, Res, type DynamicModule } from '@nestjs/common';
import type { Database, Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { Problem } from '@past-tense/service';
import { ask, eventually, testDatabase } from '@past-tense/testing';
import type { Response } from 'express';
import {
  answerWith,
  IdempotencyKeys,
  jobAccepted,
  Jobs,
  Keyed,
  TakesIdempotencyKey,
  type HttpAnswer,
  type KeyedRequest,
} from '../src/index';
import { hashOf } from '../src/idempotency/idempotency-key';
import { aJob, startInstance, type Instance } from './instance';

@Controller('orders')
class OrdersController {
  constructor(
    private readonly keys: IdempotencyKeys,
    private readonly jobs: Jobs,
  ) {}

  @Post()
  @HttpCode(202)
  @TakesIdempotencyKey()
  async place(
    @Body() body: { caller: string },
    @Keyed() request: KeyedRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<unknown> {
    const answer = await this.keys.once(body.caller, request, async (transaction) =>
      jobAccepted(await this.jobs.create(transaction, aJob({ owner: body.caller }))),
    );
    return answerWith(response, answer);
  }
}

let one: Instance;
let other: Instance;
beforeAll(async () => {
  const url = await testDatabase();
  const orders = { module: class OrdersModule {}, controllers: [OrdersController] } satisfies DynamicModule;
  [one, other] = [await startInstance(url, {}, [orders]), await startInstance(url, {}, [orders])];
  await one.database.entities.query('CREATE TABLE effects (key text)');
});
afterAll(() => Promise.all([one.close(), other.close()]));

const request = (key: string | undefined, body: unknown = { sku: 'teapot' }): KeyedRequest => ({
  key,
  method: 'POST',
  path: '/orders',
  body,
});
/** Has an effect that can be counted, and answers differently every time. */
const work =
  (key: string) =>
  async (transaction: Transaction): Promise<HttpAnswer> => {
    await transaction.query({ name: 'effect', text: 'INSERT INTO effects VALUES ($1)' }, [key]);
    return {
      status: 202,
      headers: { Location: `/jobs/${newId()}`, 'Retry-After': '1' },
      body: { jobId: newId(), at: new Date(), not: undefined },
    };
  };
const effects = async (key: string): Promise<number> => {
  const [row] = await one.database.query<{ count: number }>({ name: 'effects', text: 'SELECT count(*)::int FROM effects WHERE key = $1' }, [
    key,
  ]);
  return row!.count;
};
const send = (caller: string, key: string, { keys } = one, body?: unknown) => keys.once(caller, request(key, body), work(key));
const problem = (status: number, slug: string) =>
  expect.objectContaining({
    status,
    response: expect.objectContaining({ type: `urn:past-tense:problem:${slug}` }) as unknown,
  }) as Problem;
const rows = async (): Promise<number> => {
  const [row] = await one.database.query<{ count: number }>({ name: 'rows', text: 'SELECT count(*)::int FROM idempotency_keys' });
  return row!.count;
};

describe('a request with an Idempotency-Key (C2)', () => {
  it('that is sent again gets the same answer from any instance, and has no second effect', async () => {
    const key = newId();
    const first = await send('ada', key);
    const again = await send('ada', `"${key}"`, other);

    expect(first).toEqual({
      status: 202,
      headers: { Location: expect.any(String) as string, 'Retry-After': '1' },
      body: { jobId: expect.any(String) as string, at: expect.any(String) as string },
    });
    expect(again).toEqual({ ...first, headers: { ...first.headers, 'Idempotent-Replayed': 'true' } });
    expect(JSON.stringify(again.body)).toBe(JSON.stringify(first.body));
    expect(await effects(key)).toBe(1);
  });

  it('gets the same answer however its JSON is written, and none for another body, method or path', async () => {
    const key = newId();
    await send('ada', key, one, { a: 1, b: { c: 2, d: 3 } });

    expect((await send('ada', key, one, { b: { d: 3, c: 2 }, a: 1 })).headers).toHaveProperty('Idempotent-Replayed');
    await expect(send('ada', key, one, { a: 2 })).rejects.toEqual(problem(422, 'idempotency-key-reused'));
    for (const change of [{ method: 'PUT' }, { path: '/orders/1' }]) {
      const body = { a: 1, b: { c: 2, d: 3 } };
      await expect(one.keys.once('ada', { ...request(key, body), ...change }, work(key))).rejects.toEqual(
        problem(422, 'idempotency-key-reused'),
      );
    }
    expect(await effects(key)).toBe(1);
  });

  it('is nothing to another caller who takes the same key', async () => {
    const key = newId();
    const [ada, bob] = [await send('ada', key), await send('bob', key)];

    expect(bob.body).not.toEqual(ada.body);
    expect(bob.headers).not.toHaveProperty('Idempotent-Replayed');
    expect(await effects(key)).toBe(2);
    // Caller and key do not run into each other.
    await send('a', 'bc');
    expect((await send('ab', 'c')).headers).not.toHaveProperty('Idempotent-Replayed');
  });

  it('keeps every kind of answer', async () => {
    const answers: HttpAnswer[] = [
      { status: 204, headers: {}, body: undefined },
      { status: 200, headers: { 'Content-Language': 'de' }, body: null },
      { status: 201, headers: {}, body: { text: 'a\0b\uD800ü', list: [1, 'two', { z: 1, a: 2 }], nothing: null } },
      { status: 200, headers: {}, body: 'text' },
    ];
    for (const answer of answers) {
      const key = newId();
      expect(await one.keys.once('ada', request(key), async () => answer)).toEqual(answer);
      const again = await other.keys.once('ada', request(key), async () => ({ status: 500, headers: {}, body: 'not again' }));
      expect(again).toEqual({ ...answer, headers: { ...answer.headers, 'Idempotent-Replayed': 'true' } });
    }
  });

  it('is refused while the same one is worked on, with the time to come back', async () => {
    const key = newId();
    await one.keys.once('ada', request(key), async (transaction) => {
      const twin = other.keys.once('ada', request(key), work(key));
      await expect(twin).rejects.toEqual(problem(409, 'request-in-progress'));
      await expect(twin).rejects.toHaveProperty('headers', { 'Retry-After': '1' });
      return work(key)(transaction);
    });
    expect(await effects(key)).toBe(1);
  });

  it('has one effect for each key when 50 requests with 20 keys come at once to two instances', async () => {
    const keys = Array.from({ length: 20 }, () => newId());
    const calls = Array.from({ length: 50 }, (_, i) => ({ key: keys[i % 20]!, instance: i % 3 ? one : other }));
    const answers = await Promise.allSettled(calls.map(({ key, instance }) => send('ada', key, instance)));

    const bodies = new Map<string, Set<string>>(keys.map((key) => [key, new Set()]));
    for (const [i, answer] of answers.entries()) {
      if (answer.status === 'fulfilled') bodies.get(calls[i]!.key)!.add(JSON.stringify(answer.value.body));
      else expect(answer.reason).toEqual(problem(409, 'request-in-progress'));
    }
    for (const key of keys) {
      expect(bodies.get(key)!.size).toBe(1);
      expect(await effects(key)).toBe(1);
    }
  });

  it('is as if never sent when its work throws: the key can be used again', async () => {
    const key = newId();
    const before = await rows();
    const failing = one.keys.once('ada', request(key), async (transaction) => {
      await work(key)(transaction);
      throw new Problem(422, 'mixed-currencies', 'Mixed currencies', 'No.');
    });

    await expect(failing).rejects.toEqual(problem(422, 'mixed-currencies'));
    expect([await effects(key), await rows()]).toEqual([0, before]);
    expect((await send('ada', key)).headers).not.toHaveProperty('Idempotent-Replayed');
    expect(await effects(key)).toBe(1);
  });

  it('is as if never sent when the connection dies after the effect', async () => {
    const key = newId();
    const before = await rows();
    const killed = one.keys.once('ada', request(key), async (transaction) => {
      const answer = await work(key)(transaction);
      const [own] = await transaction.query<{ pid: number }>({ name: 'own-pid', text: 'SELECT pg_backend_pid() AS pid' });
      await terminate(other.database, own!.pid);
      return answer;
    });

    await expect(killed).rejects.toThrow();
    expect([await effects(key), await rows()]).toEqual([0, before]);
    await eventually(async () => expect((await send('ada', key, other)).status).toBe(202));
    expect(await effects(key)).toBe(1);
  });

  it('is new when its time is over, and counts from the first answer', async () => {
    const key = newId();
    const first = await send('ada', key);
    const [kept] = await one.database.query<{ hours: number }>({
      name: 'kept',
      text: `SELECT max(extract(epoch FROM expires_at - now()) / 3600)::float8 AS hours FROM idempotency_keys`,
    });
    expect(kept!.hours).toBeGreaterThan(23.9);
    const callerKey = hashOf(['ada', key]);
    await one.database.entities.query(`UPDATE idempotency_keys SET expires_at = now() - interval '1 second' WHERE caller_key = $1`, [
      callerKey,
    ]);

    const second = await send('ada', key, one, { another: 'body' });
    expect(second.body).not.toEqual(first.body);
    expect((await send('ada', key, other, { another: 'body' })).body).toEqual(second.body);
    expect(await effects(key)).toBe(2);
  });

  it('is refused if the key is none, before anything is done', async () => {
    for (const key of ['', '"', 'two words', 'x'.repeat(256)]) {
      await expect(one.keys.once('ada', request(key), work('never'))).rejects.toEqual(problem(400, 'invalid-idempotency-key'));
    }
    expect(await effects('never')).toBe(0);
  });
});

describe('a request without an Idempotency-Key', () => {
  it('is worked on every time, and nothing is kept', async () => {
    const before = await rows();
    const answers = await Promise.all([1, 2].map(() => one.keys.once('ada', request(undefined), work('no key'))));

    expect(answers[0]!.body).not.toEqual(answers[1]!.body);
    expect([await effects('no key'), await rows()]).toEqual([2, before]);
  });
});

describe('answers whose time is over', () => {
  it('are deleted, however many there are, and the others are not', async () => {
    await one.database.entities.query(`
      INSERT INTO idempotency_keys SELECT sha256(n::text::bytea), sha256('x'), 200, '{}', NULL, now() - interval '1 hour' FROM generate_series(1, 2500) AS n`);
    const key = newId();
    await send('ada', key);
    const sweeping = await startInstance(one.databaseUrl);

    await eventually(async () => {
      const [left] = await one.database.query<{ count: number }>({
        name: 'left',
        text: 'SELECT count(*)::int FROM idempotency_keys WHERE expires_at <= now()',
      });
      expect(left!.count).toBe(0);
    });
    expect((await send('ada', key)).headers).toHaveProperty('Idempotent-Replayed', 'true');
    await sweeping.close();
  });
});

describe('a controller', () => {
  it('hands over the request and sends the answer as it was', async () => {
    const post = (headers: Record<string, string>, body: unknown = { caller: 'ada' }) =>
      ask(`${one.url}/orders`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
    const key = newId();
    const [first, again] = [await post({ 'Idempotency-Key': key }), await post({ 'Idempotency-Key': `"${key}"` })];

    const { jobId } = first.body as { jobId: string };
    expect(first).toMatchObject({ status: 202, body: { status: 'PENDING', correlationId: expect.any(String) as string } });
    expect(first.headers.get('location')).toBe(`/jobs/${jobId}`);
    expect(first.headers.get('retry-after')).toBe('1');
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect([again.status, again.body]).toEqual([202, first.body]);
    expect(again.headers.get('location')).toBe(`/jobs/${jobId}`);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect((await post({ 'Idempotency-Key': key }, { caller: 'ada', more: 1 })).status).toBe(422);
    expect((await post({ 'Idempotency-Key': '' })).status).toBe(400);
    expect((await post({})).status).toBe(202);
  });

  it('is documented with the header and its problems', () => {
    const { post } = one.document.paths['/orders']!;

    expect(post!.parameters).toContainEqual(expect.objectContaining({ name: 'Idempotency-Key', in: 'header', required: false }));
    expect(Object.keys(post!.responses)).toEqual(expect.arrayContaining(['400', '409', '422']));
  });
});

async function terminate(database: Database, pid: number): Promise<void> {
  await database.query({ name: 'terminate', text: 'SELECT pg_terminate_backend($1)' }, [pid]);
  await eventually(async () => {
    const alive = await database.query({ name: 'alive', text: 'SELECT 1 FROM pg_stat_activity WHERE pid = $1' }, [pid]);
    expect(alive).toEqual([]);
  });
}
