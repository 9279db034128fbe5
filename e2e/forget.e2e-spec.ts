import { decode, isSealed, OrderPlaced, topicOf, type PersonalText, personalTextsOf } from '@past-tense/contracts';
import { fromHeaders, newId, toHeaders } from '@past-tense/envelope';
import { ROOT, tokenOf } from '@past-tense/local';
import { KafkaProducer, ownTopics, readTopic, type StoredMessage } from '@past-tense/messaging';
import { keyPermissions, openKeyStore } from '@past-tense/privacy';
import { createLogger } from '@past-tense/telemetry';
import { ask, eventually, type Answer } from '@past-tense/testing';
import { execFile } from 'node:child_process';
import { createDecipheriv, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { System, type PlacedOrder } from './system';
import { runTool } from './tool';

const run = promisify(execFile);
const logger = createLogger({ service: 'e2e', version: '1', level: 'silent', format: 'json' });

/** What one customer tells us about themselves. Every text of it holds the same word, which is nowhere else. */
interface Person {
  readonly customerId: string;
  readonly word: string;
  readonly paymentToken: string;
  readonly address: Readonly<Record<'recipient' | 'street' | 'city' | 'postalCode', string>>;
  /** Where they want it instead, once it is too late. */
  readonly street: string;
  /** What they order, which is not personal and holds another word. */
  readonly sku: string;
}

const aWord = () => randomBytes(8).toString('hex');
function somebody(): Person {
  const word = aWord();
  return {
    customerId: newId(),
    word,
    paymentToken: `tok_${word}`,
    address: { recipient: `Ada ${word}`, street: `Main Street ${word}`, city: `Berlin ${word}`, postalCode: word },
    street: `Side Street ${word}`,
    sku: aWord(),
  };
}

/** How long a key that is destroyed stays in the memory of a service. */
const CACHED_MS = 200;

/** A country to which nothing is sent by mistake; shipping fails at it, as a bug would have it. */
const FAILING = 'NZ';

let system: System;
let receiver: Server;
/** What services have exported to OpenTelemetry and sent to webhooks. */
const received: Buffer[] = [];
const [leaver, stayer] = [somebody(), somebody()];
let ordered: PlacedOrder;
beforeAll(async () => {
  receiver = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => received.push(chunk));
    request.on('end', () => response.setHeader('content-type', 'application/json').end('{}'));
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  system = await System.start({
    DATA_KEYS_CACHED_MS: String(CACHED_MS),
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
    RETRY_ATTEMPTS: '2',
    RETRY_FIRST_DELAY_MS: '10',
    RETRY_TIER_DELAYS_MS: '100,200,300',
  });
  const { status } = await ask(`${system.stack.url('orders')}/webhooks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(await as(leaver.customerId)) },
    body: JSON.stringify({ url, events: ['order.completed'] }),
  });
  expect(status).toBe(201);
  const from = new Date().toISOString();
  ordered = await orderOf(leaver);
  await orderOf(stayer);
  await orderThatFailedAtFirst(leaver);
  const file = join(exported(), 'order-placed.jsonl');
  await runTool(system, 'replay', ['export', '--topic', 'order-placed', '--from', from, '--to', new Date().toISOString(), '--file', file]);
});
afterAll(async () => {
  await system.end();
  receiver.closeAllConnections();
  receiver.close();
});

/** A folder for what leaves the system, beside its data and its logs. */
function exported(): string {
  const folder = join(system.stack.folder, 'exported');
  mkdirSync(folder, { recursive: true });
  return folder;
}

const behave = async (failure: string) =>
  expect(
    (
      await ask(`${system.stack.url('sandbox')}/behaviour/payments`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ failure }),
      })
    ).status,
  ).toBe(200);

const as = async (name: string) => ({ authorization: `Bearer ${await tokenOf(system.stack.issuer.url, name)}` });

async function place({ customerId, paymentToken, address, sku }: Person, country = 'DE'): Promise<Answer> {
  return await ask(`${system.stack.url('orders')}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(await as('support')) },
    body: JSON.stringify({
      customerId,
      lines: [{ sku, quantity: 1, unitPrice: { minorUnits: 3499, currency: 'EUR' } }],
      paymentToken,
      deliveryAddress: { ...address, country },
    }),
  });
}

/** An order that was placed, paid and sent, and then was to go elsewhere: so what is personal has been everywhere where it goes. */
async function orderOf(person: Person): Promise<PlacedOrder> {
  const placed = (await place(person)).body as PlacedOrder;
  await system.untilOver(placed, 'happy');
  const { status, body } = await ask(`${system.stack.url('orders')}/orders/${placed.orderId}/delivery-address`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json', ...(await as('support')) },
    body: JSON.stringify({ street: person.street }),
  });
  expect(status).toBe(202);
  const { jobId } = body as { jobId: string };
  await eventually(async () => expect((await system.get('orders', `/jobs/${jobId}`)).body).toMatchObject({ status: 'FAILED' }));
  return placed;
}

/** An order whose event went through every retry topic of shipping to its dead letters, and was sent back once the bug was mended. */
async function orderThatFailedAtFirst(person: Person): Promise<void> {
  await system.query(
    'shipping',
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a bug'; END $$;
     CREATE TRIGGER refuse BEFORE INSERT ON shipments FOR EACH ROW WHEN (NEW.address->>'country' = '${FAILING}') EXECUTE FUNCTION refuse()`,
  );
  const placed = (await place(person, FAILING)).body as PlacedOrder;
  await eventually(async () =>
    expect(
      await system.query('shipping', `SELECT 1 FROM held_events WHERE place = 'dlq' AND aggregate_id = $1`, [placed.orderId]),
    ).toHaveLength(1),
  );
  await system.query('shipping', 'DROP FUNCTION refuse CASCADE');
  await runTool(system, 'dead-letters', ['redrive', '--consumer', 'shipping', '--why', 'the bug is mended']);
  await system.untilOver(placed, 'happy');
}

/** How a word may stand in a file: as it is, in base64 wherever it begins in it, and in hex. */
function waysToWrite(word: string): string[] {
  const shifted = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(word)]).toString('base64');
    // The first and the last characters depend on what stands beside.
    return encoded.slice(shift === 0 ? 0 : shift + 1, -4);
  });
  return [word, ...shifted, Buffer.from(word).toString('hex')];
}

/** The files that hold a word: data and logs of every part of the system, and what left it. */
async function filesThatHold(...words: string[]): Promise<string[]> {
  await system.query('orders', 'CHECKPOINT');
  writeFileSync(join(exported(), 'received'), Buffer.concat(received));
  const folders = ['data', 'logs', 'exported'].map((folder) => join(system.stack.folder, folder));
  const wanted = words.flatMap(waysToWrite).flatMap((text) => ['-e', text]);
  // With -z grep passes over what was allocated and never written, which is most of Kafka's files.
  const search = run('grep', ['-rlzaF', ...wanted, ...folders], { env: { ...process.env, LC_ALL: 'C' }, maxBuffer: 16 * 1_048_576 });
  const { stdout } = await search.catch((error: { code: number; stdout: string; stderr: string }) => {
    // 1: nothing was found. 2: something could not be read, which may be a segment of a log that was recycled meanwhile and nothing else.
    const unread = error.stderr.split('\n').filter((line) => line !== '' && !line.endsWith('No such file or directory'));
    if (error.code > 2 || unread.length > 0) throw new Error(`grep ended with ${error.code}: ${unread.join(' ')}`);
    return error;
  });
  const files = stdout.split('\n').filter(Boolean);
  return files.map((file) => relative(system.stack.folder, file)).sort();
}

/** The personal texts of the event of an order, as they stand on Kafka. */
async function textsOnKafka({ customerId }: Person): Promise<{ message: StoredMessage; texts: PersonalText[] }> {
  const messages = await readTopic(system.kafka, topicOf(OrderPlaced).name, (message) => message);
  const message = messages.find(({ value }) => decode(OrderPlaced, value!).customerId === customerId)!;
  return { message, texts: personalTextsOf(OrderPlaced, decode(OrderPlaced, message.value!)) };
}

/** What somebody reads who has the whole key store, the master key and the log. */
async function readByThief(person: Person): Promise<string[]> {
  const { MASTER_KEYS, ...owner } = system.stack.keyStore.env('key_store');
  const masters = MASTER_KEYS && new Map([[MASTER_KEYS.split(':')[0]!, Buffer.from(MASTER_KEYS.split(':')[1]!, 'base64')]]);
  const settings = { ...owner, ...(masters && { MASTER_KEYS: masters }), DATA_KEYS_CACHED: 1, DATA_KEYS_CACHED_MS: 1 };
  const { store, close } = await openKeyStore('thief', settings, logger);
  try {
    const refs = keyPermissions().readers.map((readers) => ({ person: person.customerId, readers }));
    const keys = (await store.find(refs)).filter((one): one is Buffer => Buffer.isBuffer(one));
    const { message, texts } = await textsOnKafka(person);
    const { eventId, eventType } = fromHeaders(message.headers);
    return texts.flatMap(({ text, field }) =>
      keys.flatMap((one) => {
        const sealed = Buffer.from(text.slice('sealed.v1.'.length), 'base64url');
        // Written out here, so that nothing depends on how the library opens what it sealed.
        const decipher = createDecipheriv('aes-256-gcm', one, sealed.subarray(0, 12), { authTagLength: 16 });
        decipher.setAAD(Buffer.from(JSON.stringify([person.customerId, `${eventType}/${eventId}`, field.name])));
        decipher.setAuthTag(sealed.subarray(-16));
        try {
          return [Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString()];
        } catch {
          return [];
        }
      }),
    );
  } finally {
    await close();
  }
}

/** The tool, as `npm run forget` runs it. */
async function forget({ customerId }: Person, ...flags: string[]): Promise<Forgotten> {
  const { stack } = system;
  const { authorization } = await as('data-protection');
  const tool = [join(ROOT, 'tools', 'forget', 'dist', 'main.js'), '--customer', customerId, '--yes', '--json', ...flags];
  const { stdout } = await run(process.execPath, tool, {
    env: { ...process.env, ORDERS_URL: stack.url('orders'), FORGET_TOKEN: authorization.split(' ')[1] },
  });
  return JSON.parse(stdout) as Forgotten;
}

/** What the tool says. */
interface Forgotten {
  readonly customerId: string;
  readonly unsettled: readonly { readonly orderId: string; readonly status: string }[];
  readonly forgottenAt?: string;
}

describe('what customers say about themselves (P2)', () => {
  it('is sealed on Kafka', async () => {
    const { texts } = await textsOnKafka(leaver);

    expect(texts).toHaveLength(5);
    expect(texts.every(({ text }) => isSealed(text))).toBe(true);
  });

  it('is in no byte of any file, even as long as they are known', async () => {
    expect(await filesThatHold(leaver.word, stayer.word)).toEqual([]);
  });

  it('would be found by that search: what is not personal stands in the topic, every retry topic and dead letters, rows, the log of the database, exports', async () => {
    const files = await filesThatHold(leaver.sku);

    for (const place of [
      /^data\/kafka\/.*\border-placed-\d+\//,
      ...ownTopics('shipping')
        .filter((topic) => /retry|dlq/.test(topic))
        .map((topic) => new RegExp(`^data/kafka/.*\\b${topic}-\\d+/`)),
      /^data\/postgres\/.*\bbase\//,
      /^data\/postgres\/.*\bpg_wal\//,
      /^exported\/order-placed\.jsonl$/,
    ])
      expect(files.filter((file) => place.test(file))).not.toEqual([]);
    // Logs, spans and webhooks do not say what was ordered; they name the order.
    const named = await filesThatHold(ordered.orderId);
    expect(named).toEqual(expect.arrayContaining(['exported/received', 'logs/shipping.log', 'logs/orders.log']));
    expect(Buffer.concat(received).toString()).toContain('"order.completed"');
  });

  it('is used all the same: the carrier and the payment provider got it, which the thief with all keys reads', async () => {
    expect((await readByThief(leaver)).sort()).toEqual([leaver.paymentToken, ...Object.values(leaver.address)].sort());
    for (const kind of ['capture', 'parcel'])
      expect(((await ask(`${system.stack.url('sandbox')}/books/${ordered.orderId}`)).body as { entries: object[] }).entries).toContainEqual(
        expect.objectContaining({ kind, accepted: true }),
      );
  });
});

describe('a customer who is forgotten (P2)', () => {
  let first: Forgotten;
  beforeAll(async () => {
    first = await forget(leaver);
  });

  it('is erased by every service that kept something of them, and by none that did not', async () => {
    const rows = async (service: 'payments' | 'shipping', sql: string) => await system.query<{ kept: unknown }>(service, sql);
    await eventually(async () => {
      expect(await rows('payments', `SELECT token AS kept FROM payments WHERE customer_id = '${leaver.customerId}'`)).toEqual([
        { kept: null },
        { kept: null },
      ]);
      expect(await rows('shipping', `SELECT address AS kept FROM shipments WHERE customer_id = '${leaver.customerId}'`)).toEqual([
        { kept: null },
        { kept: null },
      ]);
    });
    const [{ kept }] = (await rows('shipping', `SELECT address AS kept FROM shipments WHERE customer_id = '${stayer.customerId}'`)) as [
      { kept: Record<string, string> },
    ];
    expect(isSealed(kept['street'])).toBe(true);
  });

  it('cannot be read any more with everything that there is, while others can', async () => {
    expect(await readByThief(leaver)).toEqual([]);
    expect((await readByThief(stayer)).sort()).toEqual([stayer.paymentToken, ...Object.values(stayer.address)].sort());
    expect(await filesThatHold(leaver.word)).toEqual([]);
    expect(await system.query('orders', 'SELECT 1 FROM webhook_subscriptions WHERE owner = $1', [leaver.customerId])).toEqual([]);
  });

  it('stays forgotten when their events come again, and nobody stumbles over them', async () => {
    // As long as a service has the key in memory it opens what was sealed with it, and finds that this is another event than it was sealed for.
    await sleep(2 * CACHED_MS);
    const { message } = await textsOnKafka(leaver);
    const again = { ...fromHeaders(message.headers), eventId: newId() };
    const producer = new KafkaProducer(system.kafka);
    await producer.publish([
      { topic: topicOf(OrderPlaced).name, key: message.key!.toString(), value: message.value!, headers: toHeaders(again) },
    ]);
    await producer.disconnect();

    await eventually(async () => {
      for (const service of ['payments', 'shipping'] as const)
        expect(await system.query(service, `SELECT 1 AS done FROM processed_events WHERE event_id = '${again.eventId}'`)).toEqual([
          { done: 1 },
        ]);
    });
    for (const service of ['payments', 'shipping'] as const) expect(await system.query(service, 'SELECT 1 FROM held_events')).toEqual([]);
    expect(await system.query('shipping', 'SELECT address FROM shipments WHERE customer_id = $1', [leaver.customerId])).toEqual([
      { address: null },
      { address: null },
    ]);
  });

  it('can be forgotten again, which changes nothing, and cannot order any more', async () => {
    expect(await forget(leaver)).toEqual(first);
    expect(await place(leaver)).toMatchObject({ status: 409, body: { type: 'urn:past-tense:problem:person-forgotten' } });
    expect((await place(stayer)).status).toBe(202);
  });

  it('still has ordered: what was bought and paid stays, under an id that says nothing', async () => {
    expect((await system.get('orders', `/orders/${ordered.orderId}`)).body).toMatchObject({
      status: 'completed',
      customerId: leaver.customerId,
    });
    expect((await system.get('tracking', `/orders/${ordered.orderId}/timeline`)).body).toMatchObject({ status: 'completed' });
  });
});

describe('a customer with an order on its way (P2)', () => {
  it('is forgotten once it was cancelled and paid back, although orders crashed after it was told', async () => {
    const person = somebody();
    await behave('closed'); // As long as nobody pays, the parcel is here.
    const { orderId } = (await place(person)).body as PlacedOrder;
    expect(await forget(person)).toMatchObject({ customerId: person.customerId, unsettled: [{ orderId, status: 'placed' }] });
    await system.stack.service('orders')!.kill();
    await behave('none');
    await system.stack.startService('orders');

    expect(await forget(person, '--look', '--wait')).toMatchObject({ unsettled: [], forgottenAt: expect.any(String) as string });
    expect((await system.get('orders', `/orders/${orderId}`)).body).toMatchObject({ cancellationReason: 'customer-request' });
    const { entries } = (await ask(`${system.stack.url('sandbox')}/books/${orderId}`)).body as { entries: { kind: string }[] };
    expect(entries.map(({ kind }) => kind).sort()).toEqual(['capture', 'refund']);
    expect(await readByThief(person)).toEqual([]);
    expect(await filesThatHold(person.word)).toEqual([]);
  });
});
