import { testDatabase, uniqueName } from '@past-tense/testing';
import { randomBytes, randomUUID } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';
import { openKeyStore, openPersonalData, type OpenKeyStore } from '../src';
import { logger } from './key-stores';

// What a role may say to the database itself, past the library.
describe('the roles of the services in PostgreSQL', () => {
  const roles = { producer: uniqueName('producer'), reader: uniqueName('reader'), stranger: uniqueName('stranger') };
  const password = randomBytes(12).toString('hex');
  let url: string;
  let client: Client;
  let owner: OpenKeyStore;
  const asRole = async <T>(role: string, work: (client: Client) => Promise<T>): Promise<T> => {
    const address = new URL(url);
    [address.username, address.password] = [role, password];
    const one = new Client({ connectionString: address.href });
    await one.connect();
    return await work(one).finally(() => one.end());
  };
  const permissions = { sealers: [roles.producer], users: [roles.producer, roles.reader], readers: [] };

  beforeAll(async () => {
    url = await testDatabase();
    client = new Client({ connectionString: url });
    await client.connect();
    for (const role of Object.values(roles)) await client.query(`CREATE ROLE ${escapeIdentifier(role)} LOGIN PASSWORD '${password}'`);
    await client.query(`REVOKE CONNECT ON DATABASE ${escapeIdentifier(new URL(url).pathname.slice(1))} FROM PUBLIC`);
    const settings = { MASTER_KEYS: new Map([['a', Buffer.alloc(32)]]), DATA_KEYS_CACHED: 1, DATA_KEYS_CACHED_MS: 1 };
    owner = await openKeyStore('test', { KEY_STORE_URL: url, ...settings }, logger);
    await owner.prepare(permissions);
  });
  afterAll(async () => {
    await owner.close();
    await client.end();
  });

  it('that are not there are named', async () => {
    expect(await owner.prepare({ ...permissions, users: [...permissions.users, 'nobody-yet'] })).toEqual(['nobody-yet']);
  });

  it('let a reader see and make its own keys, and not destroy any', async () => {
    const person = randomUUID();
    await owner.store.make([
      { person, readers: roles.reader },
      { person, readers: 'payments' },
    ]);

    await asRole(roles.reader, async (reader) => {
      expect((await reader.query('SELECT readers FROM data_keys WHERE person = $1', [person])).rows).toEqual([{ readers: roles.reader }]);
      await reader.query(`INSERT INTO data_keys (person, readers, wrapped) VALUES ($1, $2, '')`, [randomUUID(), roles.reader]);
      for (const forbidden of [
        `INSERT INTO data_keys (person, readers, wrapped) VALUES ('x', 'payments', '')`,
        `DELETE FROM data_keys`,
        `UPDATE data_keys SET wrapped = ''`,
        `INSERT INTO forgotten_people (person) VALUES ('x')`,
        `INSERT INTO sealers (role) VALUES (current_user)`,
        `UPDATE master_key_checks SET check_value = ''`,
        `DELETE FROM master_key_checks`,
      ])
        await expect(reader.query(forbidden)).rejects.toThrow(/permission denied|row-level security/);
    });
  });

  it('let the producer destroy keys, and not change them', async () => {
    const person = randomUUID();
    await owner.store.make([{ person, readers: 'payments' }]);

    await asRole(roles.producer, async (producer) => {
      expect((await producer.query('DELETE FROM data_keys WHERE person = $1', [person])).rowCount).toBe(1);
      await expect(producer.query(`UPDATE data_keys SET wrapped = ''`)).rejects.toThrow('permission denied');
    });
  });

  it('keep nothing in the database, nor a way into it, once the contracts do not name them', async () => {
    await expect(asRole(roles.stranger, (one) => one.query('SELECT 1'))).rejects.toThrow('permission denied for database');
    await owner.prepare({ ...permissions, users: [roles.producer] });
    await expect(asRole(roles.reader, (one) => one.query('SELECT 1'))).rejects.toThrow('permission denied for database');
  });
});

/** Master keys by id, the current one first. */
type Keys = Record<string, Buffer<ArrayBuffer>>;

describe('a master key in PostgreSQL', () => {
  const service = uniqueName('reader');
  const password = randomBytes(12).toString('hex');
  const [first, other, second] = [Buffer.alloc(32, 'first'), Buffer.alloc(32, 'other'), Buffer.alloc(32, 'second')];
  let url: string;
  let client: Client;
  const opened: OpenKeyStore[] = [];

  const settings = (keys: Keys) => ({
    KEY_STORE_URL: url,
    MASTER_KEYS: new Map(Object.entries(keys)),
    DATA_KEYS_CACHED: 1,
    DATA_KEYS_CACHED_MS: 1,
  });
  const openWith = async (keys: Keys) => {
    const one = await openKeyStore('test', settings(keys), logger);
    opened.push(one);
    return one;
  };
  const prepareWith = async (keys: Keys) => (await openWith(keys)).prepare({ sealers: [], users: [service], readers: [service] });
  /** As a service that starts. */
  const startWith = async (keys: Keys) => {
    const address = new URL(url);
    [address.username, address.password] = [service, password];
    await (await openPersonalData(service, { ...settings(keys), KEY_STORE_URL: address.href }, logger)).close();
  };
  const refusal = (id: string) => ({
    name: 'ConfigurationError',
    message: `MASTER_KEYS holds another key under the id "${id}" than the one that the key store knows by it; put that one back, or give the new key an id of its own, in front of the old one.`,
  });
  const ofService = (person: string) => ({ person, readers: service });
  const known = async () => (await client.query<{ id: string }>('SELECT id FROM master_key_checks ORDER BY id')).rows.map(({ id }) => id);
  const wrappedWith = async () =>
    (await client.query<{ id: string }>(`SELECT DISTINCT split_part(encode(wrapped, 'escape'), ':', 1) AS id FROM data_keys`)).rows;
  /** As it was before there were check values. */
  const forgetChecks = () => client.query('DELETE FROM master_key_checks');

  beforeEach(async () => {
    url = await testDatabase();
    client = new Client({ connectionString: url });
    await client.connect();
    await client.query(`DO $$ BEGIN CREATE ROLE ${escapeIdentifier(service)} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`);
    await client.query(`ALTER ROLE ${escapeIdentifier(service)} PASSWORD '${password}'`);
    await prepareWith({ first });
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(({ close }) => close()));
    await client.end();
  });

  it('that is not the one of its id lets nobody start, whichever place it has, and nothing is wrapped with it', async () => {
    const { store } = await openWith({ first });
    const [key] = await store.make([ofService('ada')]);

    const wrong: Keys[] = [{ first: other }, { second, first: other }];
    for (const keys of wrong) {
      await expect(prepareWith(keys)).rejects.toMatchObject(refusal('first'));
      await expect(startWith(keys)).rejects.toMatchObject(refusal('first'));
      await expect((await openWith(keys)).store.rewrap()).rejects.toMatchObject(refusal('first'));
    }
    expect(await known()).toEqual(['first']);
    await startWith({ first });
    expect(await store.find([ofService('ada')])).toEqual([key]);
  });

  it('that is new is known by its id from the first start on, and then the same for everybody', async () => {
    const { store } = await openWith({ first });
    const [key] = await store.make([ofService('ada')]);
    await startWith({ second, first });
    expect(await known()).toEqual(['first', 'second']);

    await expect((await openWith({ second: other, first })).store.rewrap()).rejects.toMatchObject(refusal('second'));
    expect(await wrappedWith()).toEqual([{ id: 'first' }]);
    const renewed = (await openWith({ second, first })).store;
    expect(await renewed.rewrap()).toBe(1);
    expect(await wrappedWith()).toEqual([{ id: 'second' }]);
    await startWith({ second });
    await expect(startWith({ second: first })).rejects.toMatchObject(refusal('second'));
    expect(await renewed.find([ofService('ada')])).toEqual([key]);
  });

  it('of a store from before check values has to unwrap a data key first; one that was altered does not count', async () => {
    const { store } = await openWith({ first });
    await store.make([ofService('ada')]);
    await client.query('UPDATE data_keys SET wrapped = wrapped || wrapped');
    await store.make([ofService('bob')]); // Comes behind the one that was altered.
    await forgetChecks();

    for (const start of [prepareWith, startWith]) await expect(start({ first: other })).rejects.toMatchObject(refusal('first'));
    expect(await known()).toEqual([]);
    await startWith({ first });
    expect(await known()).toEqual(['first']);
    await expect(startWith({ first: other })).rejects.toMatchObject(refusal('first'));
  });

  it('is the one of whoever was first, if two come at once with another key under the same id', async () => {
    for (let i = 0; i < 10; i += 1) {
      await forgetChecks();
      const keys = [first, other];
      const outcomes = await Promise.allSettled(keys.map((key) => startWith({ first: key })));

      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: refusal('first') });
      await startWith({ first: keys[outcomes.findIndex(({ status }) => status === 'fulfilled')]! });
    }
  });
});
