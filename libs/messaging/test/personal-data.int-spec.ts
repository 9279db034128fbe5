import { fact, fromSealedText, OrderPlaced, topicOf } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { DataKeys, keyPermissions, openKeyStore, PersonalData, type KeyStoreSettings, type OpenKeyStore } from '@past-tense/privacy';
import { createLogger } from '@past-tense/telemetry';
import { aRecord, eventually, TcpProxy, testDatabase } from '@past-tense/testing';
import { Client } from 'pg';
import { DeadLetters, type AnyReaction, type Consumer, type Event } from '../src/index';
import {
  consumers,
  database,
  deadLetters,
  effect,
  effects,
  emptyTopics,
  heldBy,
  newName,
  producer,
  said,
  start,
  useConsumers,
} from './consumers';

useConsumers();

const placed = topicOf(OrderPlaced);
const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });
const masters = (...ids: string[]) => new Map(ids.map((id) => [id, Buffer.alloc(32, id)]));
/** In every personal text, and in nothing else. */
const WORD = 'Lovelace';

let url: string;
let keyStore: OpenKeyStore;
/** What somebody can do to the key store who may do everything there. */
let sql: Client;
const opened: OpenKeyStore[] = [];
beforeAll(async () => {
  url = await testDatabase();
  keyStore = await open('a');
  await keyStore.prepare(keyPermissions());
  sql = new Client({ connectionString: url });
  await sql.connect();
});
afterAll(async () => {
  await sql.end();
  await Promise.all(opened.map(({ close }) => close()));
});

async function open(...ids: string[]): Promise<OpenKeyStore> {
  const store = await openKeyStore('test', settings(url, ...ids), logger);
  opened.push(store);
  return store;
}

function settings(address: string, ...ids: string[]): KeyStoreSettings {
  return { KEY_STORE_URL: address, MASTER_KEYS: masters(...ids), DATA_KEYS_CACHED: 100, DATA_KEYS_CACHED_MS: 5_000 };
}
const as = (service: string, store = keyStore.store) => new PersonalData(service, new DataKeys(store, { cachedMs: 1 }));
const withMasters = async (...ids: string[]) => as('shipping', (await open(...ids)).store);

/** An order as orders publishes it; each of its versions is an event of its own. */
async function anOrder({ customerId = newId(), orderId = newId() } = {}, aggregateVersion = 1) {
  const { data } = fact(OrderPlaced, {
    orderId,
    customerId,
    lines: [{ sku: 'cup', quantity: 1, unitPrice: { minorUnits: 500n, currency: 'EUR' } }],
    total: { minorUnits: 500n, currency: 'EUR' },
    paymentToken: `tok_${WORD}`,
    deliveryAddress: { recipient: `Ada ${WORD}`, street: `${WORD} 1`, city: WORD, postalCode: '8001', country: 'CH' },
  });
  const eventId = newId();
  return { orderId, customerId, eventId, aggregateVersion, data: await as('orders').sealEvent(OrderPlaced, data, eventId) };
}
type Order = Awaited<ReturnType<typeof anOrder>>;

const recordOf = ({ data, eventId, aggregateVersion }: Order) => aRecord({ type: OrderPlaced, data }, { eventId, aggregateVersion });
/** The order with another city, as somebody writes it who can write to the topic. */
const withCity = (order: Order, city: string): Order => ({
  ...order,
  data: { ...order.data, deliveryAddress: { ...order.data.deliveryAddress!, city } },
});
const cityOf = ({ data }: Order) => data.deliveryAddress!.city;

/** Notes each order whose city it could read. */
async function consume(name: string, personal: PersonalData): Promise<Consumer> {
  const reaction = {
    async react({ data, aggregateVersion }: Event<OrderPlaced>, transaction: Transaction) {
      expect(data.deliveryAddress!.city).toBe(WORD);
      await transaction.query(effect, [name, data.orderId, aggregateVersion]);
    },
    reactToForgotten: () => Promise.resolve(),
  } as AnyReaction<never>;
  return await start(name, reaction, { topics: [placed.name], reactions: new Map([[OrderPlaced, reaction]]), personal });
}
async function newPlace(): Promise<string> {
  await emptyTopics(placed.name);
  return await newName();
}
/** What the dead letters say, by order. */
async function saidOf(name: string): Promise<Record<string, string>> {
  return Object.fromEntries(
    (await deadLetters(name)).map(({ key, headers }) => [
      key!.toString(),
      `${String(headers['pt_reason'])} ${String(headers['pt_error_message'])}`,
    ]),
  );
}
const paused = () => said.some(({ msg }) => msg.includes('something it needs is away'));
const ordersOf = async (name: string) => (await effects(name)).map(({ order_id }) => order_id).sort();
/** Nothing that is kept of a failure tells what was sealed, or with what. */
async function expectNothingTold(name: string): Promise<void> {
  const letters = (await deadLetters(name)).map(({ headers, value }) => `${JSON.stringify(headers)} ${value!.toString('latin1')}`);
  const told = JSON.stringify([letters, said, await database.query({ name: 'all-kept', text: 'SELECT t::text FROM held_events AS t' })]);
  expect(told).toContain('does not'); // The search looks at the right things.
  expect(told).not.toContain(WORD);
  for (const key of masters('a', 'b').values()) expect(told).not.toContain(key.toString('base64').slice(0, 16));
}

describe('what is sealed and does not open', () => {
  it('is dead-lettered at once with the field, whatever was done to it, and holds nobody up', async () => {
    const name = await newPlace();
    const [good, altered, cut, swapped, moved, another] = await Promise.all(Array.from({ length: 6 }, () => anOrder()));
    const known = await anOrder(); // Somebody else, whose key is there.
    const bytes = fromSealedText(cityOf(altered!))!;
    bytes[20]! ^= 1;
    await consume(name, as('shipping'));
    await producer.publish(
      [
        withCity(altered!, `sealed.v1.${bytes.toString('base64url')}`),
        withCity(cut!, 'sealed.v1.x'),
        withCity(swapped!, swapped!.data.deliveryAddress!.recipient),
        withCity(moved!, cityOf(known)),
        { ...another!, data: { ...another!.data, customerId: known.customerId } },
        good!,
      ].map(recordOf),
    );

    const broken = 'is sealed and does not open: it was altered, or comes from another event or person';
    await eventually(async () =>
      expect(await saidOf(name)).toEqual({
        [altered!.orderId]: `INVALID delivery_address.city ${broken}`,
        [cut!.orderId]: `INVALID delivery_address.city ${broken}`,
        [swapped!.orderId]: `INVALID delivery_address.city ${broken}`,
        [moved!.orderId]: `INVALID delivery_address.city ${broken}`,
        [another!.orderId]: expect.stringMatching(`^INVALID delivery_address\\.\\w+ ${broken}$`) as string,
      }),
    );
    await eventually(async () => expect(await ordersOf(name)).toEqual([good!.orderId]));
    expect(await heldBy(name)).toEqual(Array(5).fill(expect.objectContaining({ place: 'dlq', reason: 'INVALID', attempts: 1 })));
    await expectNothingTold(name);
  });
});

describe('a data key', () => {
  it('that is lost or broken concerns its person alone: retried, dead-lettered with the remedy, and sent back once it is there again', async () => {
    const name = await newPlace();
    const [lost, broken, good] = await Promise.all(Array.from({ length: 3 }, () => anOrder()));
    const next = await anOrder({ orderId: lost!.orderId }, 2); // Of somebody whose key is there.
    const { rows: keys } = await sql.query<{ person: string; readers: string; wrapped: Buffer }>(
      'SELECT person, readers, wrapped FROM data_keys WHERE person = ANY ($1)',
      [[lost!.customerId, broken!.customerId]],
    );
    await sql.query('DELETE FROM data_keys WHERE person = $1', [lost!.customerId]);
    await sql.query('UPDATE data_keys SET wrapped = wrapped || wrapped WHERE person = $1', [broken!.customerId]);
    await consume(name, as('shipping'));
    await producer.publish([lost!, next, broken!, good!].map(recordOf));

    await eventually(async () =>
      expect(await saidOf(name)).toEqual({
        [lost!.orderId]: expect.stringMatching(
          `^FAILED the key store has no key of ${lost!.customerId} for shipping .*, then send the event back$`,
        ) as string,
        [broken!.orderId]: expect.stringMatching(
          `^FAILED the data key of ${broken!.customerId} for shipping does not unwrap: .*"a"; restore what is wrong, then send the event back$`,
        ) as string,
      }),
    );
    expect(await ordersOf(name)).toEqual([good!.orderId]);
    expect((await heldBy(name)).filter(({ aggregate_id }) => aggregate_id === lost!.orderId)).toMatchObject([
      { version: '1', place: 'dlq' },
      { version: '2', place: 'behind' },
    ]);
    await expectNothingTold(name);

    for (const { person, readers, wrapped } of keys)
      await sql.query(
        `INSERT INTO data_keys (person, readers, wrapped) VALUES ($1, $2, $3)
         ON CONFLICT (person, readers) DO UPDATE SET wrapped = EXCLUDED.wrapped`,
        [person, readers, wrapped],
      );
    await new DeadLetters(database, name).redrive({}, { by: 'test', why: 'the keys are back', ratePerSecond: 1_000 });
    await eventually(async () => expect(await ordersOf(name)).toEqual([lost!, next, broken!, good!].map(({ orderId }) => orderId).sort()));
    const versions = (await effects(name)).filter(({ order_id }) => order_id === lost!.orderId).map(({ version }) => version);
    expect(versions).toEqual([1, 2]);
  });
});

describe('an outage, which says nothing about an event', () => {
  it('is a master key that is not configured: everything waits, and goes on with it', async () => {
    const name = await newPlace();
    const orders = await Promise.all(Array.from({ length: 3 }, () => anOrder()));
    const without = await consume(name, await withMasters('b'));
    await producer.publish(orders.map(recordOf));
    await eventually(() => expect(paused()).toBe(true));
    expect([await deadLetters(name), await heldBy(name), await effects(name)]).toEqual([[], [], []]);
    await without.stop();
    consumers.splice(consumers.indexOf(without), 1);

    await consume(name, await withMasters('b', 'a'));
    await eventually(async () => expect(await ordersOf(name)).toEqual(orders.map(({ orderId }) => orderId).sort()));
    expect([await deadLetters(name), await heldBy(name)]).toEqual([[], []]);
  });

  it('is a key store that does not answer: everything waits, and goes on by itself', async () => {
    const name = await newPlace();
    const orders = await Promise.all(Array.from({ length: 3 }, () => anOrder()));
    const proxy = await TcpProxy.to(url);
    const remote = await openKeyStore('test', settings(proxy.url, 'a'), logger);
    try {
      await consume(name, as('shipping', remote.store));
      await proxy.cut();
      await producer.publish(orders.map(recordOf));
      await eventually(() => expect(paused()).toBe(true));
      expect([await deadLetters(name), await heldBy(name), await effects(name)]).toEqual([[], [], []]);

      await proxy.mend();
      await eventually(async () => expect(await ordersOf(name)).toEqual(orders.map(({ orderId }) => orderId).sort()));
      expect([await deadLetters(name), await heldBy(name)]).toEqual([[], []]);
    } finally {
      await Promise.all(consumers.splice(0).map((consumer) => consumer.stop()));
      await remote.close();
      await proxy.cut();
    }
  });
});
