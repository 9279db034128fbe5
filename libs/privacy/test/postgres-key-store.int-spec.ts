import { testDatabase, uniqueName } from '@past-tense/testing';
import { randomBytes, randomUUID } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';
import { openKeyStore, type OpenKeyStore } from '../src';
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
