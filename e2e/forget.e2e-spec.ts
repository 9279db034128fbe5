import { decode, isSealed, OrderPlaced, topicOf, type PersonalText, personalTextsOf } from '@past-tense/contracts';
import { fromHeaders, newId, toHeaders } from '@past-tense/envelope';
import { ROOT, tokenOf } from '@past-tense/local';
import { KafkaProducer, readTopic, type StoredMessage } from '@past-tense/messaging';
import { keyPermissions, openKeyStore } from '@past-tense/privacy';
import { createLogger } from '@past-tense/telemetry';
import { ask, eventually, type Answer } from '@past-tense/testing';
import { execFile } from 'node:child_process';
import { createDecipheriv, randomBytes } from 'node:crypto';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { System, type PlacedOrder } from './system';

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

let system: System;
const [leaver, stayer] = [somebody(), somebody()];
let ordered: PlacedOrder;
beforeAll(async () => {
  system = await System.start({ DATA_KEYS_CACHED_MS: String(CACHED_MS) });
  ordered = await orderOf(leaver);
  await orderOf(stayer);
});
afterAll(() => system.end());

const as = async (name: string) => ({ authorization: `Bearer ${await tokenOf(system.stack.issuer.url, name)}` });

async function place({ customerId, paymentToken, address, sku }: Person): Promise<Answer> {
  return await ask(`${system.stack.url('orders')}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(await as('support')) },
    body: JSON.stringify({
      customerId,
      lines: [{ sku, quantity: 1, unitPrice: { minorUnits: 3499, currency: 'EUR' } }],
      paymentToken,
      deliveryAddress: { ...address, country: 'DE' },
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

/** How a word may stand in a file: as it is, in base64 wherever it begins in it, and in hex. */
function waysToWrite(word: string): string[] {
  const shifted = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(word)]).toString('base64');
    // The first and the last characters depend on what stands beside.
    return encoded.slice(shift === 0 ? 0 : shift + 1, -4);
  });
  return [word, ...shifted, Buffer.from(word).toString('hex')];
}

/** The parts of the system that hold a word on disk, in their data or their logs. */
async function partsThatHold(...words: string[]): Promise<string[]> {
  await system.query('orders', 'CHECKPOINT');
  const folders = ['data', 'logs'].map((folder) => join(system.stack.folder, folder));
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
  return [...new Set(files.map((file) => relative(system.stack.folder, file).split('/').slice(0, 2).join('/')))].sort();
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
async function forget({ customerId }: Person): Promise<{ customerId: string; forgottenAt: string }> {
  const { stack } = system;
  const { authorization } = await as('data-protection');
  const { stdout } = await run(process.execPath, [join(ROOT, 'tools', 'forget', 'dist', 'main.js'), customerId, '--yes', '--json'], {
    env: { ...process.env, ORDERS_URL: stack.url('orders'), FORGET_TOKEN: authorization.split(' ')[1] },
  });
  return JSON.parse(stdout) as { customerId: string; forgottenAt: string };
}

describe('what customers say about themselves (P2)', () => {
  it('is sealed on Kafka', async () => {
    const { texts } = await textsOnKafka(leaver);

    expect(texts).toHaveLength(5);
    expect(texts.every(({ text }) => isSealed(text))).toBe(true);
  });

  it('is in no byte of any file, even as long as they are known', async () => {
    expect(await partsThatHold(leaver.word, stayer.word)).toEqual([]);
    // The search finds what is there.
    expect(await partsThatHold(leaver.sku)).toEqual(['data/kafka', 'data/postgres']);
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
  let first: { forgottenAt: string };
  beforeAll(async () => {
    first = await forget(leaver);
  });

  it('is erased by every service that kept something of them, and by none that did not', async () => {
    const rows = async (service: 'payments' | 'shipping', sql: string) => await system.query<{ kept: unknown }>(service, sql);
    await eventually(async () => {
      expect(await rows('payments', `SELECT token AS kept FROM payments WHERE customer_id = '${leaver.customerId}'`)).toEqual([
        { kept: null },
      ]);
      expect(await rows('shipping', `SELECT address AS kept FROM shipments WHERE customer_id = '${leaver.customerId}'`)).toEqual([
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
    expect(await partsThatHold(leaver.word)).toEqual([]);
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
