import { createLogger } from '@past-tense/telemetry';
import { isolatedOpenBao, TcpProxy, testDatabase } from '@past-tense/testing';
import { randomBytes } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';
import { openKeyStore, type KeyPermissions, type KeyRef, type OpenKeyStore } from '../src';

export const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });
const CACHE = { DATA_KEYS_CACHED: 100, DATA_KEYS_CACHED_MS: 5_000 };

/** A key store that runs, and what a test has to do to it behind the back of the library. */
export interface RunningKeyStore {
  /** Opens it as its owner. */
  readonly open: () => Promise<OpenKeyStore>;
  /** Opens it as a service, which has nothing but what the permissions gave it. */
  readonly openAs: (service: string) => Promise<OpenKeyStore>;
  /** A proxy in front of its server. */
  readonly proxy: () => Promise<TcpProxy>;
  /** Opens it as its owner through the proxy. */
  readonly openThrough: (proxy: TcpProxy) => Promise<OpenKeyStore>;
  /** Lets services in: they are known from now on, without permissions. */
  readonly introduce: (services: readonly string[]) => Promise<void>;
  /** What is kept of a key, as it is. */
  readonly peek: (ref: KeyRef) => Promise<unknown>;
  /** Puts something in the place of what is kept of a key. */
  readonly poke: (ref: KeyRef, kept: unknown) => Promise<void>;
  /** Loses what is kept of a key. */
  readonly lose: (ref: KeyRef) => Promise<void>;
  /** The master key is another one from now on; the older ones still unwrap. */
  readonly changeMasterKey: () => Promise<void>;
  /** Older master keys are gone. */
  readonly dropOldMasterKeys: () => Promise<void>;
  readonly end: () => Promise<void>;
}

export async function postgres(): Promise<RunningKeyStore> {
  const url = await testDatabase();
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`REVOKE CONNECT ON DATABASE ${escapeIdentifier(new URL(url).pathname.slice(1))} FROM PUBLIC`);
  const password = randomBytes(12).toString('hex');
  let masters = ['a'];
  const settings = () => ({ MASTER_KEYS: new Map(masters.map((id) => [id, Buffer.alloc(32, id)])), ...CACHE });
  const open = (KEY_STORE_URL: string) => openKeyStore('test', { KEY_STORE_URL, ...settings() }, logger);
  return {
    open: () => open(url),
    openAs: (service) => {
      const address = new URL(url);
      [address.username, address.password] = [service, password];
      return open(address.href);
    },
    proxy: () => TcpProxy.to(url),
    openThrough: (proxy) => open(proxy.url),
    introduce: async (services) => {
      for (const service of services) await client.query(`CREATE ROLE ${escapeIdentifier(service)} LOGIN PASSWORD '${password}'`);
    },
    peek: async ({ person, readers }) => {
      const { rows } = await client.query<{ wrapped: Buffer }>('SELECT wrapped FROM data_keys WHERE (person, readers) = ($1, $2)', [
        person,
        readers,
      ]);
      return rows[0]?.wrapped;
    },
    poke: async ({ person, readers }, kept) => {
      await client.query('UPDATE data_keys SET wrapped = $3 WHERE (person, readers) = ($1, $2)', [person, readers, kept]);
    },
    lose: async ({ person, readers }) => {
      await client.query('DELETE FROM data_keys WHERE (person, readers) = ($1, $2)', [person, readers]);
    },
    changeMasterKey: async () => {
      masters = [`${masters[0]}b`, ...masters];
    },
    dropOldMasterKeys: async () => {
      masters = masters.slice(0, 1);
    },
    end: () => client.end(),
  };
}

export async function transit(): Promise<RunningKeyStore> {
  const { openBao, end } = await isolatedOpenBao();
  const open = (token: string, address = openBao.url) =>
    openKeyStore('test', { KEY_STORE_URL: `${address.replace(/\/$/, '')}/past-tense`, KEY_STORE_TOKEN: token, ...CACHE }, logger);
  const path = ({ person, readers }: KeyRef) => `past-tense/data-keys/data/${readers.replaceAll('+', '.')}/${person}`;
  const masterKeys = async () =>
    (await openBao.call<{ data: { keys: string[] } }>('GET', 'past-tense/transit/keys?list=true')).data.keys.map(
      (name) => `past-tense/transit/keys/${name}`,
    );
  return {
    open: () => open(openBao.rootToken),
    openAs: async (service) => await open(await openBao.token([`past-tense-${service}`])),
    proxy: () => TcpProxy.to(openBao.url),
    openThrough: (proxy) => open(openBao.rootToken, proxy.url),
    // Tokens are made when they are needed.
    introduce: async () => undefined,
    peek: async (ref) => {
      const { data } = await openBao.call<{ data: { data: { wrapped?: string } } }>('GET', path(ref));
      return data.data.wrapped;
    },
    poke: async (ref, wrapped) => {
      await openBao.call('POST', path(ref), { data: { wrapped } });
    },
    lose: async (ref) => {
      await openBao.call('DELETE', path(ref).replace('/data/', '/metadata/'));
    },
    changeMasterKey: async () => {
      for (const key of await masterKeys()) await openBao.call('POST', `${key}/rotate`, {});
    },
    dropOldMasterKeys: async () => {
      for (const key of await masterKeys()) {
        const { latest_version } = (await openBao.call<{ data: { latest_version: number } }>('GET', key)).data;
        await openBao.call('POST', `${key}/config`, { min_decryption_version: latest_version, min_encryption_version: latest_version });
        await openBao.call('POST', `${key}/trim`, { min_available_version: latest_version });
      }
    },
    end,
  };
}

/** Whoever seals for others, a reader, another reader, and one whom the contracts do not name. */
export interface Services {
  readonly producer: string;
  readonly reader: string;
  readonly other: string;
  readonly stranger: string;
}

export const permissionsOf = ({ producer, reader, other }: Services): KeyPermissions => ({
  sealers: [producer],
  users: [producer, reader, other],
  readers: [producer, reader, other, [other, reader].sort().join('+')],
});
