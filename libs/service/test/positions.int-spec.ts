import 'reflect-metadata';
import { Module, type INestApplication } from '@nestjs/common';
import { TokenVerifier } from '@past-tense/auth';
import { Database } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { applyTopics, KafkaProducer, MESSAGING_MIGRATIONS, Positions } from '@past-tense/messaging';
import { createLogger, startTelemetry } from '@past-tense/telemetry';
import { ask, eventually, freePort, kafkaBrokers, testDatabase, uniqueName, type Answer } from '@past-tense/testing';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PositionsController } from '../src/http/positions.controller';
import { startHttp } from '../src/http/start-http';
import { httpSettings, LOGGER } from '../src/settings';

@Module({})
class NothingModule {}

const CONSUMER = uniqueName('consumer');
const TOPIC = uniqueName('something-happened');
const PARTITIONS = 3;
const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });
const kafka = { brokers: kafkaBrokers(), clientId: 'test', logger };

let issuer: Server;
let database: Database;
let app: INestApplication;
let url: string;
let tokenWith: (scope: string) => Promise<string>;
beforeAll(async () => {
  ({ issuer, tokenWith } = await anIssuer());
  database = new Database({ url: await testDatabase(), applicationName: 'test', entities: [], migrations: MESSAGING_MIGRATIONS, logger });
  await database.connect();
  await database.migrate();
  await applyTopics(kafka, [{ name: TOPIC, partitions: PARTITIONS, retentionMs: 86_400_000, cleanup: 'delete' }], 1);
  const port = await freePort();
  const AUTH_ISSUER = addressOf(issuer);
  app = await startHttp({
    definition: { name: CONSUMER, version: '1', description: 'A service under test.', module: NothingModule },
    settings: httpSettings(port).parse({ HTTP_PORT: String(port), DATABASE_URL: 'postgres://unused/unused', AUTH_ISSUER }),
    logger,
    telemetry: startTelemetry({ service: CONSUMER, version: '1' }),
    verifier: await TokenVerifier.of({ issuer: AUTH_ISSUER, audience: 'past-tense', customerClaim: 'sub', development: true }),
    providers: [
      { provide: LOGGER, useValue: logger },
      { provide: Positions, useValue: new Positions({ consumer: CONSUMER, kafka, database, topics: [TOPIC] }) },
    ],
    controllers: [PositionsController],
    ready: {},
  });
  url = `http://127.0.0.1:${port}/operations`;
  const producer = new KafkaProducer(kafka);
  await producer.publish(Array.from({ length: 30 }, () => ({ topic: TOPIC, key: newId(), value: Buffer.from('happened'), headers: {} })));
  await producer.disconnect();
  // A broker that has just started does not know who coordinates a group.
  await eventually(async () => expect((await call('operations', 'GET', '/positions')).status).toBe(200));
});
afterAll(async () => {
  await app.close();
  await database.close();
  issuer.close();
});

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Somebody who signs tokens and publishes the key. */
async function anIssuer(): Promise<{ issuer: Server; tokenWith: (scope: string) => Promise<string> }> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const key = { ...(await exportJWK(publicKey)), kid: 'first', alg: 'ES256', use: 'sig' };
  const server = createServer((request, response) => {
    const metadata = { issuer: addressOf(server), jwks_uri: `${addressOf(server)}/jwks`, response_types_supported: [] };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(request.url === '/jwks' ? { keys: [key] } : metadata));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sign = (scope: string) =>
    new SignJWT({ iss: addressOf(server), aud: 'past-tense', sub: 'olga', scope })
      .setProtectedHeader({ alg: 'ES256', kid: 'first' })
      .setExpirationTime('5 minutes')
      .sign(privateKey);
  return { issuer: server, tokenWith: sign };
}

type Body = Record<string, unknown> & { id: string; items: { id: string }[]; nextCursor?: string; errors: { pointer: string }[] };

/** @param scope of the token; nobody calls without one */
async function call(scope: string | undefined, method: string, path: string, body?: object): Promise<Answer & { body: Body }> {
  const headers = {
    ...(scope !== undefined && { authorization: `Bearer ${await tokenWith(scope)}` }),
    ...(body && { 'content-type': 'application/json' }),
  };
  return (await ask(`${url}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })) as Answer & { body: Body };
}
const reset = (body: object) => call('operations', 'POST', '/position-resets', body);

describe('the positions', () => {
  it('are seen on every partition', async () => {
    const { status, body } = await call('operations', 'GET', '/positions');
    const partitions = body['partitions'] as { partition: number; end: string; lag: number }[];

    expect(status).toBe(200);
    expect(body).toMatchObject({ consumer: CONSUMER, lag: 30 });
    expect(partitions.map(({ partition }) => partition)).toEqual([0, 1, 2]);
    expect(partitions.reduce((sum, { end }) => sum + Number(end), 0)).toBe(30);
    expect(partitions[0]).toMatchObject({ topic: TOPIC, earliest: '0', position: '0', lag: Number(partitions[0]!.end) });
  });

  it.each([
    ['GET', '/positions'],
    ['POST', '/position-resets'],
    ['GET', '/position-resets'],
    ['GET', `/position-resets/${newId()}`],
  ])('%s %s is for operators only (P1)', async (method, path) => {
    const body = method === 'POST' ? { topic: TOPIC, to: 'latest' } : undefined;

    expect((await call(undefined, method, path, body)).status).toBe(401);
    const refused = await call('orders:any', method, path, body);
    expect(refused).toMatchObject({ status: 403, body: { type: 'urn:past-tense:problem:forbidden' } });
    expect(refused.headers.get('www-authenticate')).toContain('scope="operations"');
  });
});

describe('a reset', () => {
  it('is shown beforehand, changes nothing then, and is recorded with who asked for it and why', async () => {
    const preview = await reset({ topic: TOPIC, to: 'latest', dryRun: true });
    expect(preview).toMatchObject({ status: 200, body: { topic: TOPIC, again: 0, skipped: 30 } });
    expect((await call('operations', 'GET', '/position-resets')).body.items).toEqual([]);

    const made = await reset({ topic: TOPIC, to: 'latest', why: 'nobody needs them' });
    expect(made.status).toBe(202);
    expect(made.headers.get('location')).toBe(`/operations/position-resets/${made.body.id}`);
    const recorded = {
      consumer: CONSUMER,
      topic: TOPIC,
      to: 'latest',
      by: 'olga',
      why: 'nobody needs them',
      state: 'pending',
      skipped: 30,
    };
    expect(made.body).toMatchObject(recorded);
    expect((made.body['partitions'] as object[])[0]).toMatchObject({ partition: 0, from: '0', direction: 'forward', state: 'pending' });

    const found = await call('operations', 'GET', `/position-resets/${made.body.id}`);
    expect(found).toMatchObject({ status: 200, body: { ...recorded, remaining: 0 } });
    const back = await reset({ topic: TOPIC, partition: 1, to: { time: '1900-01-01T00:00:00+02:00' } });
    expect(back.body).toMatchObject({ partition: 1, to: { time: '1900-01-01T00:00:00+02:00' }, again: 0, skipped: 0 });
    const { body: first } = await call('operations', 'GET', '/position-resets?limit=1');
    expect(first.items.map(({ id }) => id)).toEqual([back.body.id]);
    const { body: rest } = await call('operations', 'GET', `/position-resets?limit=1&cursor=${first.nextCursor}`);
    expect(rest.items.map(({ id }) => id)).toEqual([made.body.id]);
    expect(rest.nextCursor).toBeUndefined();
  });

  it('of one partition to an offset says what comes again and what is skipped', async () => {
    expect((await reset({ topic: TOPIC, partition: 0, to: { offset: '2' }, dryRun: true })).body).toMatchObject({
      partitions: [{ topic: TOPIC, partition: 0, from: '0', to: '2', events: 2, direction: 'forward' }],
      again: 0,
      skipped: 2,
    });
  });

  it.each([
    [{}, ['/to', '/topic']],
    [{ topic: TOPIC, to: 'yesterday' }, ['/to']],
    [{ topic: TOPIC, to: { time: '2026-11-21' } }, ['/to/time']],
    [{ topic: TOPIC, to: { offset: '-1' } }, ['/to/offset']],
    [{ topic: TOPIC, to: { offset: 5 } }, ['/to']],
    [{ topic: TOPIC, to: { offset: '1', time: '2026-11-21T08:00:00Z' } }, ['/to']],
    [{ topic: TOPIC, to: 'latest', partition: -1, why: 'a\0b', dryRun: 'yes', who: 'me' }, ['/dryRun', '/partition', '/who', '/why']],
  ])('asked for with %j is refused, every wrong field named', async (body, pointers) => {
    const answer = await reset(body);

    expect(answer).toMatchObject({ status: 400, body: { type: 'urn:past-tense:problem:invalid-request' } });
    expect(answer.body.errors.map(({ pointer }) => pointer).sort()).toEqual(pointers);
  });

  it.each([
    [{ topic: 'order-placed', to: 'latest' }, 'topic', `${CONSUMER} does not consume order-placed; it consumes ${TOPIC}.`],
    [{ topic: `${CONSUMER}.retry-5s`, to: 'latest' }, 'topic', `does not consume ${CONSUMER}.retry-5s`],
    [{ topic: TOPIC, partition: PARTITIONS, to: 'latest' }, 'partition', `${TOPIC} has no partition 3; it has 0 to 2.`],
    [{ topic: TOPIC, partition: 0, to: { offset: '31' } }, 'to', `Offset 31 is not on partition 0 of ${TOPIC}`],
  ])('that makes no sense is refused: %j', async (body, part, sentence) => {
    for (const dryRun of [true, false]) {
      const answer = await reset({ ...body, dryRun });
      expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer: `/${part}` }] } });
      expect(answer.body['detail']).toContain(sentence);
    }
  });

  it('that nobody asked for is not found', async () => {
    expect((await call('operations', 'GET', `/position-resets/${newId()}`)).body).toMatchObject({
      status: 404,
      type: 'urn:past-tense:problem:position-reset-not-found',
    });
    expect((await call('operations', 'GET', '/position-resets/nonsense')).status).toBe(400);
  });
});
