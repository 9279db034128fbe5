import { Controller, Headers, HttpCode, Post, type INestApplication } from '@nestjs/common';
import { Database } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { ask, eventually, testDatabase } from '@past-tense/testing';
import { request } from 'node:http';
import { openDatabase, startService } from './running-service';
import { CallbackInbox, callbackReplayed, CALLBACKS_MIGRATIONS, CallbacksModule, signCallback, SignedCallback } from '../src/index';
import { REFUSALS } from '../src/callbacks/verify-callback';

const of = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;
const SECRET = of(1);
const OLD_SECRET = of(2);
const FORGED = of(3);
const BODY = JSON.stringify({ type: 'shipment.delivered', data: { name: 'Zoë' } });

const effects: string[] = [];
let failing = false;

@Controller('callbacks')
class CallbacksController {
  constructor(
    private readonly database: Database,
    private readonly inbox: CallbackInbox,
  ) {}

  @Post()
  @HttpCode(204)
  @SignedCallback('CARRIER_SECRETS')
  async receive(@Headers('webhook-id') id: string): Promise<void> {
    await this.database.transaction(async (transaction) => {
      if (!(await this.inbox.accept(transaction, id))) throw callbackReplayed();
      if (failing) throw new Error('the effect failed');
    });
    effects.push(id);
  }
}

let database: Database;
let app: INestApplication;
let url: string;
beforeAll(async () => {
  database = await openDatabase(await testDatabase(), CALLBACKS_MIGRATIONS);
  const receiving = { module: CallbacksModule, controllers: [CallbacksController] };
  ({ app, url } = await startService(database, { CARRIER_SECRETS: [SECRET, OLD_SECRET] }, [receiving]));
});
afterAll(async () => {
  await app.close();
  await database.close();
});
beforeEach(() => {
  effects.length = 0;
  failing = false;
});

type Fields = Record<string, string>;
const send = (headers: object, body = BODY, type = 'application/json') =>
  ask(`${url}/callbacks`, { method: 'POST', headers: { 'content-type': type, ...headers }, body });
const signed = (id = newId(), at = new Date(), secret = SECRET, body = BODY): Fields => ({ ...signCallback(secret, id, at, body) });
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000);
const without = (name: string) => Object.fromEntries(Object.entries(signed()).filter(([key]) => key !== name));
const tenWrong = Array(10).fill('v1,AAAA').join(' ');

describe('a signed callback', () => {
  it.each([
    ['signed now', () => signed()],
    ['signed almost five minutes ago', () => signed(newId(), ago(290))],
    ['signed by a clock almost five minutes fast', () => signed(newId(), ago(-290))],
    ['signed with the secret before the rotation', () => signed(newId(), new Date(), OLD_SECRET)],
    ['signed with several secrets', () => ({ ...signCallback([FORGED, SECRET], newId(), new Date(), BODY) })],
    ['with signatures of other versions beside the right one', () => prefixed('v1a,AAAA v2,BBBB ')],
    ['with an id in another form', () => signed('msg_2KWPBgLlAfxdpx2AI54pPJ85f4W')],
  ])('%s is taken', async (_, headers) => {
    expect((await send(headers())).status).toBe(204);
    expect(effects).toHaveLength(1);
  });

  const prefixed = (text: string): Fields => {
    const headers = signed();
    return { ...headers, 'webhook-signature': `${text}${headers['webhook-signature']}` };
  };
  const changed = (name: string, value: string): Fields => ({ ...signed(), [name]: value });

  it.each<[string, keyof typeof REFUSALS, () => object]>([
    ['nothing signed', 'missing', () => ({})],
    ['no id', 'missing', () => without('webhook-id')],
    ['no timestamp', 'missing', () => without('webhook-timestamp')],
    ['no signature', 'missing', () => without('webhook-signature')],
    ['an empty id', 'missing', () => changed('webhook-id', '')],
    ['a huge id', 'missing', () => signed('a'.repeat(8_000))],
    ['an id with spaces', 'missing', () => signed('a b')],
    ['an id with letters beyond ASCII', 'missing', () => changed('webhook-id', 'ä')],
    ['NaN for a timestamp', 'missing', () => changed('webhook-timestamp', 'NaN')],
    ['a timestamp with something behind it', 'missing', () => changed('webhook-timestamp', `${Math.floor(Date.now() / 1000)}x`)],
    ['an endless timestamp', 'missing', () => changed('webhook-timestamp', '9'.repeat(4_000))],
    ['a negative timestamp', 'missing', () => changed('webhook-timestamp', '-1')],
    ['a fraction for a timestamp', 'missing', () => changed('webhook-timestamp', `${Date.now() / 1000}`.padEnd(14, '1'))],
    ['a timestamp in milliseconds', 'missing', () => changed('webhook-timestamp', String(Date.now()))],
    ['a huge signature', 'missing', () => changed('webhook-signature', 'v1,'.padEnd(8_000, 'A'))],
    ['a signature six minutes old', 'stale', () => signed(newId(), ago(360))],
    ['a signature from six minutes ahead', 'stale', () => signed(newId(), ago(-360))],
    ['a signature from 1970', 'stale', () => signed(newId(), new Date(0))],
    ['a forged old signature', 'stale', () => signed(newId(), ago(360), FORGED)],
    ['a signature with another secret', 'forged', () => signed(newId(), new Date(), FORGED)],
    ['the signature of another body', 'forged', () => signed(newId(), new Date(), SECRET, '{}')],
    ['the signature of another id', 'forged', () => changed('webhook-id', newId())],
    ['the signature of another time', 'forged', () => changed('webhook-timestamp', String(Math.floor(Date.now() / 1000) - 7))],
    ['a signature that is not base64', 'forged', () => changed('webhook-signature', 'v1,***')],
    ['a version alone', 'forged', () => changed('webhook-signature', 'v1')],
    ['an empty signature', 'forged', () => changed('webhook-signature', 'v1,')],
    ['commas', 'forged', () => changed('webhook-signature', ',,,,')],
    ['a signature without a version', 'forged', () => changed('webhook-signature', signed()['webhook-signature']!.slice(3))],
    ['a wrong version', 'forged', () => changed('webhook-signature', signed()['webhook-signature']!.replace('v1,', 'v2,'))],
    ['many wrong signatures', 'forged', () => changed('webhook-signature', tenWrong)],
  ])('with %s is refused', async (_, refusal, headers) => {
    expect(await send(headers())).toMatchObject({
      status: 401,
      body: { type: 'urn:past-tense:problem:callback-refused', detail: REFUSALS[refusal] },
    });
    expect(effects).toEqual([]);
  });

  it('is refused if its body was changed, be it by one space', async () => {
    expect((await send(signed(), `${BODY} `)).status).toBe(401);
  });

  it('is refused if its bytes are not UTF-8', async () => {
    const bytes = Buffer.from('{"a":"?"}');
    bytes[6] = 0xff;
    const headers = { ...signCallback(SECRET, newId(), new Date(), bytes.toString()), 'content-type': 'application/json' };

    const status = await new Promise((resolve, reject) => {
      const call = request(`${url}/callbacks`, { method: 'POST', headers }, (response) => resolve(response.resume().statusCode));
      call.on('error', reject).end(bytes);
    });

    expect(status).toBe(401);
  });

  it('is refused if its body is not what was signed because nobody parses it', async () => {
    expect((await send(signed(), BODY, 'text/plain')).status).toBe(401);
  });

  it('is refused if a header comes twice', async () => {
    const headers = { ...signed(), 'webhook-id': ['one', 'two'], 'content-type': 'application/json' };

    const status = await new Promise((resolve, reject) => {
      const call = request(`${url}/callbacks`, { method: 'POST', headers }, (response) => resolve(response.resume().statusCode));
      call.on('error', reject).end(BODY);
    });

    expect(status).toBe(401);
  });
});

describe('a replayed callback', () => {
  it('is refused, and nothing happens twice', async () => {
    const headers = signed();

    expect((await send(headers)).status).toBe(204);
    expect(await send(headers)).toMatchObject({ status: 409, body: { type: 'urn:past-tense:problem:callback-replayed' } });
    expect(effects).toEqual([headers['webhook-id']]);
  });

  it('is refused when it is signed anew with the same id', async () => {
    const id = newId();

    expect((await send(signed(id))).status).toBe(204);
    expect((await send(signed(id, ago(-10)))).status).toBe(409);
  });

  it('has its effect once, however many come at once', async () => {
    const headers = signed();

    const answers = await Promise.all(Array.from({ length: 12 }, () => send(headers)));

    expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array<number>(11).fill(409)]);
    expect(effects).toHaveLength(1);
  });

  it('is taken if its effect failed before', async () => {
    const headers = signed();
    failing = true;
    expect((await send(headers)).status).toBe(500);
    failing = false;

    expect((await send(headers)).status).toBe(204);
  });
});

describe('the ids', () => {
  it('are forgotten in batches once no sender sends them any more', async () => {
    await database.query({
      name: 'old',
      text: `INSERT INTO received_callbacks SELECT 'old-' || n, now() - interval '8 days' FROM generate_series(1, 2500) AS n
             UNION ALL SELECT 'young', now() - interval '6 days'`,
    });

    const { app: another } = await startService(database, { CARRIER_SECRETS: [SECRET] }, [CallbacksModule]);

    await eventually(async () => expect(await old()).toEqual([{ id: 'young' }]));
    await another.close();
  });

  it('are not left to the database when it closes: a service that stops ends what it has begun to forget', async () => {
    await database.query({ name: 'one-old', text: `INSERT INTO received_callbacks VALUES ('old', now() - interval '8 days')` });
    const session = await database.session();
    await session.query('BEGIN; LOCK TABLE received_callbacks IN ACCESS EXCLUSIVE MODE');
    const { app: stopping, url: its } = await startService(database, { CARRIER_SECRETS: [SECRET] }, [CallbacksModule]);
    await eventually(async () =>
      expect(
        await database.query({
          name: 'blocked',
          text: `SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'received_callbacks'::regclass`,
        }),
      ).toHaveLength(1),
    );
    const happened: string[] = [];

    const stopped = stopping.close().then(() => happened.push('stopped'));
    await eventually(() => expect(fetch(its)).rejects.toThrow());
    happened.push('could go on');
    await session.query('COMMIT');
    session.release();
    await stopped;

    expect(happened).toEqual(['could go on', 'stopped']);
    expect(await old()).not.toContainEqual({ id: 'old' });
  });

  const old = () =>
    database.query<{ id: string }>({
      name: 'old-ids',
      text: `SELECT id FROM received_callbacks WHERE received_at < now() - interval '1 day'`,
    });
});

describe('a service whose setting holds no secrets', () => {
  it('does not start', async () => {
    const receiving = { module: CallbacksModule, controllers: [CallbacksController] };

    await expect(startService(database, { CARRIER_SECRETS: undefined }, [receiving])).rejects.toThrow(
      'CARRIER_SECRETS holds no callback secrets',
    );
  });
});
