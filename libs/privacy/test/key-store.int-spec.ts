import { fact, fromSealedText, isSealed, OrderPlaced, personalTextsOf } from '@past-tense/contracts';
import { Database } from '@past-tense/database';
import { createLogger } from '@past-tense/telemetry';
import { eventually, testDatabase, uniqueName } from '@past-tense/testing';
import { randomBytes, randomUUID } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';
import {
  DataKeys,
  grantPermissions,
  KeyMissingError,
  keyPermissions,
  KeyStore,
  MasterKeyMissingError,
  MasterKeys,
  openKeyStore,
  PersonalData,
  PersonForgottenError,
  SealBrokenError,
  type KeyRef,
  type OpenKeyStore,
} from '../src';

const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });
const masters = (...ids: string[]) => new Map(ids.map((id) => [id, keyOf(id)]));
const keyOf = (id: string) => Buffer.alloc(32, id);
const settings = (url: string, ...ids: string[]) => ({
  KEY_STORE_URL: url,
  MASTER_KEYS: masters(...ids),
  DATA_KEYS_CACHED: 100,
  DATA_KEYS_CACHED_MS: 5_000,
});
const anOrder = (customerId: string) =>
  fact(OrderPlaced, {
    orderId: randomUUID(),
    customerId,
    lines: [{ sku: 'cup', quantity: 1, unitPrice: { minorUnits: 500n, currency: 'EUR' } }],
    total: { minorUnits: 500n, currency: 'EUR' },
    paymentToken: 'tok_visa',
    deliveryAddress: { recipient: 'Ada Lovelace', street: 'Main Street 1', city: 'Zürich', postalCode: '8001', country: 'CH' },
  }).data;

let url: string;
let owner: OpenKeyStore;
beforeAll(async () => {
  url = await testDatabase();
  owner = await openKeyStore('test', settings(url, 'a'), logger);
  await owner.database.migrate();
});
afterAll(() => owner.close());

/** A service on the key store of this suite, with a cache of its own. */
const as = (service: string, cachedMs = 5_000, store: KeyStore = owner.store) =>
  new PersonalData(service, new DataKeys(store, { cachedMs }));

describe('an event', () => {
  it('is read by each service as far as the contract lets it, and by nobody else', async () => {
    const [data, eventId] = [anOrder(randomUUID()), randomUUID()];
    const sealed = await as('orders').sealEvent(OrderPlaced, data, eventId);

    expect(personalTextsOf(OrderPlaced, sealed).every(({ text }) => isSealed(text))).toBe(true);
    expect(sealed.deliveryAddress!.country).toBe('CH');
    const shipping = await as('shipping').openEvent(OrderPlaced, sealed, eventId);
    expect(shipping).toMatchObject({ deliveryAddress: data.deliveryAddress, paymentToken: sealed.paymentToken });
    const payments = await as('payments').openEvent(OrderPlaced, sealed, eventId);
    expect(payments).toMatchObject({ deliveryAddress: sealed.deliveryAddress, paymentToken: 'tok_visa' });
    expect(await as('tracking').openEvent(OrderPlaced, sealed, eventId)).toEqual(sealed);
  });

  it('that was written before anything was sealed is read as it is', async () => {
    const data = anOrder(randomUUID());

    expect(await as('shipping').openEvent(OrderPlaced, data, randomUUID())).toEqual(data);
  });

  it('does not open as another event, in another field, for another person, or altered', async () => {
    const [data, eventId] = [anOrder(randomUUID()), randomUUID()];
    const sealed = await as('orders').sealEvent(OrderPlaced, data, eventId);
    const other = await as('orders').sealEvent(OrderPlaced, anOrder(randomUUID()), eventId);
    const opened = (address: Partial<NonNullable<typeof data.deliveryAddress>>, id = eventId) =>
      as('shipping').openEvent(OrderPlaced, { ...sealed, deliveryAddress: { ...sealed.deliveryAddress!, ...address } }, id);

    await expect(opened({}, randomUUID())).rejects.toThrow(SealBrokenError);
    await expect(opened({ city: sealed.deliveryAddress!.street })).rejects.toThrow(
      'delivery_address.city is sealed and does not open: it was altered, or comes from another event or person',
    );
    await expect(opened({ city: other.deliveryAddress!.city })).rejects.toThrow(SealBrokenError);
    const bytes = fromSealedText(sealed.deliveryAddress!.city)!;
    bytes[20]! ^= 1;
    await expect(opened({ city: `sealed.v1.${bytes.toString('base64url')}` })).rejects.toThrow(SealBrokenError);
    expect(await opened({})).toMatchObject({ deliveryAddress: { city: 'Zürich' } });
  });

  it('is not opened with a key that is not there', async () => {
    const [data, eventId] = [anOrder(randomUUID()), randomUUID()];
    const sealed = await as('orders').sealEvent(OrderPlaced, data, eventId);
    await owner.database.query({ name: 'lose', text: 'DELETE FROM data_keys WHERE person = $1' }, [data.customerId]);

    await expect(as('shipping').openEvent(OrderPlaced, sealed, eventId)).rejects.toThrow(KeyMissingError);
  });
});

describe('a person who was forgotten', () => {
  it('is forgotten in every event, sealed or not, and nothing can be sealed about them any more', async () => {
    const [data, eventId] = [anOrder(randomUUID()), randomUUID()];
    const person = data.customerId;
    const orders = as('orders');
    const sealed = await orders.sealEvent(OrderPlaced, data, eventId);
    const kept = await as('shipping').seal({ person, holder: 'shipment/1', texts: { city: 'Zürich' } });
    await orders.forget(person);
    await orders.forget(person);

    expect(await as('shipping').openEvent(OrderPlaced, sealed, eventId)).toBe('forgotten');
    expect(await as('shipping').openEvent(OrderPlaced, data, eventId)).toBe('forgotten');
    expect(await as('shipping').open({ person, holder: 'shipment/1', texts: kept })).toBeUndefined();
    await expect(orders.sealEvent(OrderPlaced, data, randomUUID())).rejects.toThrow(PersonForgottenError);
    expect(await as('tracking').openEvent(OrderPlaced, sealed, eventId)).toEqual(sealed);
  });

  it('leaves every cache soon', async () => {
    const person = randomUUID();
    const shipping = as('shipping', 300);
    const kept = { person, holder: 'shipment/1', texts: await shipping.seal({ person, holder: 'shipment/1', texts: { city: 'Zürich' } }) };
    expect(await shipping.open(kept)).toEqual({ city: 'Zürich' });
    await as('orders').forget(person);

    await eventually(async () => expect(await shipping.open(kept)).toBeUndefined());
  });

  it('gets no key, however closely making one and forgetting meet', async () => {
    const people = Array.from({ length: 20 }, () => randomUUID());
    const outcomes = await Promise.all(
      people.flatMap((person) => [
        as('orders')
          .sealEvent(OrderPlaced, anOrder(person), randomUUID())
          .then(
            () => 'sealed',
            (error: Error) => error.name,
          ),
        as('orders').forget(person),
        as('shipping')
          .seal({ person, holder: 'x', texts: { a: 'b' } })
          .then(
            () => 'sealed',
            (error: Error) => error.name,
          ),
      ]),
    );

    expect(new Set(outcomes.filter((one) => one !== undefined))).toEqual(
      new Set(outcomes.includes('sealed') ? ['sealed', 'PersonForgottenError'] : ['PersonForgottenError']),
    );
    const left = await owner.database.query({ name: 'left', text: 'SELECT 1 FROM data_keys WHERE person = ANY ($1)' }, [people]);
    expect(left).toEqual([]);
  });
});

describe('the keys of a batch', () => {
  class Counting extends KeyStore {
    readonly looks: number[] = [];
    override async find(refs: readonly KeyRef[]) {
      this.looks.push(refs.length);
      return await super.find(refs);
    }
  }

  it('are looked up at once, and then known for a while', async () => {
    const events = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const [data, eventId] = [anOrder(randomUUID()), randomUUID()];
        return { eventId, data: await as('orders').sealEvent(OrderPlaced, data, eventId) };
      }),
    );
    const store = new Counting(owner.database, new MasterKeys(masters('a')));
    const shipping = as('shipping', 60_000, store);
    const openAll = () => Promise.all(events.map(({ data, eventId }) => shipping.openEvent(OrderPlaced, data, eventId)));

    await openAll();
    await openAll();
    expect(store.looks).toEqual([50]);
  });

  it('fail together with the store, and are looked up anew afterwards', async () => {
    const person = randomUUID();
    const texts = await as('shipping').seal({ person, holder: 'x', texts: { a: 'b' } });
    const broken = new Database({ url, applicationName: 'test', entities: [], migrations: [], logger });
    const shipping = as('shipping', 5_000, new KeyStore(broken, new MasterKeys(masters('a'))));

    await expect(shipping.open({ person, holder: 'x', texts })).rejects.toThrow();
    await broken.connect();
    expect(await shipping.open({ person, holder: 'x', texts })).toEqual({ a: 'b' });
    await broken.close();
  });
});

describe('the master key', () => {
  it('is changed without touching what is sealed, and then the old one opens nothing (rewrap)', async () => {
    const person = randomUUID();
    const kept = { person, holder: 'x', texts: await as('shipping').seal({ person, holder: 'x', texts: { a: 'b' } }) };
    const withMasters = async <T>(ids: string[], work: (opened: OpenKeyStore) => Promise<T>): Promise<T> => {
      const opened = await openKeyStore('test', settings(url, ...ids), logger);
      return await work(opened).finally(() => opened.close());
    };
    const opens = (...ids: string[]) => withMasters(ids, ({ store }) => as('shipping', 1, store).open(kept));

    expect(await opens('b', 'a')).toEqual({ a: 'b' });
    await expect(opens('b')).rejects.toThrow(MasterKeyMissingError);
    expect(await withMasters(['b', 'a'], ({ store }) => store.rewrap())).toBeGreaterThan(0);
    expect(await withMasters(['b', 'a'], ({ store }) => store.rewrap())).toBe(0);
    expect(await opens('b')).toEqual({ a: 'b' });
    await expect(opens('a')).rejects.toThrow('wrapped with the master key "b", which MASTER_KEYS does not hold');
    await withMasters(['a', 'b'], ({ store }) => store.rewrap());
  });

  it('unwraps a key for nobody but whose it is', async () => {
    const [mine, theirs] = [randomUUID(), randomUUID()];
    await as('shipping').seal({ person: mine, holder: 'x', texts: { a: 'b' } });
    await as('shipping').seal({ person: theirs, holder: 'x', texts: { a: 'b' } });
    await owner.database.query(
      { name: 'swap', text: 'UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys WHERE person = $1) WHERE person = $2' },
      [mine, theirs],
    );

    await expect(owner.store.find([{ person: theirs, readers: 'shipping' }])).rejects.toThrow();
  });
});

describe('the roles of the services', () => {
  const roles = { orders: uniqueName('orders'), shipping: uniqueName('shipping'), tracking: uniqueName('tracking') };
  const password = randomBytes(12).toString('hex');
  const asRole = async <T>(role: string, work: (client: Client) => Promise<T>): Promise<T> => {
    const address = new URL(url);
    [address.username, address.password] = [role, password];
    const client = new Client({ connectionString: address.href });
    await client.connect();
    return await work(client).finally(() => client.end());
  };

  beforeAll(async () => {
    const { entities } = owner.database;
    for (const role of Object.values(roles)) await entities.query(`CREATE ROLE ${escapeIdentifier(role)} LOGIN PASSWORD '${password}'`);
    await entities.query(`REVOKE CONNECT ON DATABASE ${escapeIdentifier(new URL(url).pathname.slice(1))} FROM PUBLIC`);
    await grantPermissions(owner.database, { sealers: [roles.orders], users: [roles.orders, roles.shipping] });
  });

  it('are those that the contracts name', () => {
    expect(keyPermissions()).toEqual({ sealers: ['orders'], users: ['orders', 'payments', 'shipping'] });
  });

  it('let a reader see and make its own keys, and not destroy any', async () => {
    const person = randomUUID();
    await owner.store.make([
      { person, readers: roles.shipping },
      { person, readers: 'payments' },
    ]);

    await asRole(roles.shipping, async (client) => {
      expect((await client.query('SELECT readers FROM data_keys WHERE person = $1', [person])).rows).toEqual([{ readers: roles.shipping }]);
      await client.query(`INSERT INTO data_keys (person, readers, wrapped) VALUES ($1, $2, '')`, [randomUUID(), roles.shipping]);
      for (const forbidden of [
        `INSERT INTO data_keys (person, readers, wrapped) VALUES ('x', 'payments', '')`,
        `DELETE FROM data_keys`,
        `UPDATE data_keys SET wrapped = ''`,
        `INSERT INTO forgotten_people (person) VALUES ('x')`,
        `INSERT INTO sealers (role) VALUES (current_user)`,
      ])
        await expect(client.query(forbidden)).rejects.toThrow(/permission denied|row-level security/);
    });
    await owner.database.query({ name: 'tidy', text: `DELETE FROM data_keys WHERE wrapped = ''` });
  });

  it('let the producer make keys for the readers, and destroy them', async () => {
    const person = randomUUID();
    await owner.store.make([{ person, readers: 'payments' }]);

    await asRole(roles.orders, async (client) => {
      expect((await client.query('DELETE FROM data_keys WHERE person = $1', [person])).rowCount).toBe(1);
      await expect(client.query(`UPDATE data_keys SET wrapped = ''`)).rejects.toThrow('permission denied');
    });
  });

  it('let nobody else in, and nobody any more whom the contracts no longer name', async () => {
    await expect(asRole(roles.tracking, (client) => client.query('SELECT 1'))).rejects.toThrow('permission denied for database');
    await grantPermissions(owner.database, { sealers: [roles.orders], users: [roles.orders] });
    await expect(asRole(roles.shipping, (client) => client.query('SELECT 1'))).rejects.toThrow('permission denied for database');
  });
});
