import { createLogger } from '@past-tense/telemetry';
import { eventually, isolatedOpenBao } from '@past-tense/testing';
import { randomUUID } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { openKeyStore, openPersonalData, type KeyStore, type OpenKeyStore } from '../src';
import { VaultClient } from '../src/transit/vault-client';
import { logger } from './key-stores';

const settings = { DATA_KEYS_CACHED: 100, DATA_KEYS_CACHED_MS: 5_000 };
const READERS = 'shipping';
const permissions = { sealers: ['orders'], users: ['orders', READERS], readers: ['orders', READERS, 'payments+shipping'] };
const open = (url: string, token: string | undefined) =>
  openKeyStore('test', { KEY_STORE_URL: url, ...(token && { KEY_STORE_TOKEN: token }), ...settings }, logger);

describe('a key store over transit, before it is reached', () => {
  it('needs a token, and a way to the server on which nobody listens', async () => {
    await expect(open('https://vault.example:8200', undefined)).rejects.toThrow(
      'test handles personal data and KEY_STORE_TOKEN is not set; set it to a token with the policy of test.',
    );
    await expect(open('http://vault.example:8200', 'hush')).rejects.toThrow(
      'KEY_STORE_URL is http, which shows data keys to whoever listens on the way to vault.example:8200; use https.',
    );
  });

  it('says that nobody is there, as an outage', async () => {
    await expect(open('http://127.0.0.1:1', 'hush')).rejects.toMatchObject({
      failure: 'unavailable',
      message: expect.stringMatching(/^The key store at 127.0.0.1:1 cannot be reached \(.*ECONNREFUSED.*\); check KEY_STORE_URL/) as string,
    });
  });

  it('waits for no answer longer than it was told to', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const url = new URL(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    const vault = new VaultClient({ url, token: 'hush', logger, timeoutMs: 200 });

    await expect(vault.call('GET', 'sys/health')).rejects.toMatchObject({
      failure: 'unavailable',
      message: `The key store at ${url.host} cannot be reached (no answer within 200 ms); check KEY_STORE_URL and that the server runs.`,
    });
    await vault.close();
    silent.close();
  });
});

// key-store.int-spec.ts says so where there is no OpenBao.
if (process.env['OPENBAO_BINARY'])
  describe('a key store over transit', () => {
    let server: Awaited<ReturnType<typeof isolatedOpenBao>>;
    let openBao: typeof server.openBao;
    let owner: OpenKeyStore;
    const refs = (count: number) => Array.from({ length: count }, () => ({ person: randomUUID(), readers: READERS }));
    beforeAll(async () => {
      server = await isolatedOpenBao();
      openBao = server.openBao;
      owner = await open(openBao.url, openBao.rootToken);
      await owner.prepare(permissions);
    });
    afterAll(async () => {
      await owner.close();
      await server.end();
    });

    it('finds fifty keys with a request for each, one more to unwrap them, and no more connections than eight', async () => {
      const wanted = refs(50);
      await owner.store.make(wanted);
      const fresh = await open(openBao.url, openBao.rootToken);
      let [requests, connections] = [0, 0];
      const [request, connection] = [() => void (requests += 1), () => void (connections += 1)];
      subscribe('undici:request:create', request);
      subscribe('undici:client:connected', connection);
      expect((await fresh.store.find(wanted)).every((key) => Buffer.isBuffer(key))).toBe(true);
      unsubscribe('undici:request:create', request);
      unsubscribe('undici:client:connected', connection);

      expect(requests).toBe(51);
      expect(connections).toBeLessThanOrEqual(8);
      await fresh.close();
    });

    it('destroys every version of a key of somebody who is forgotten, and keeps one of the others', async () => {
      const [gone, stays] = refs(2);
      await owner.store.make([gone!, stays!]);
      const versionsOf = async (person: string) =>
        (
          await openBao.call<{ data: { versions: Record<string, { destroyed: boolean }> } }>(
            'GET',
            `past-tense/data-keys/metadata/${READERS}/${person}`,
          )
        ).data.versions;
      await openBao.call('POST', 'past-tense/data-keys/config', { max_versions: 5 });
      await openBao.call('POST', `past-tense/transit/keys/${READERS}/rotate`, {});
      await owner.store.rewrap();
      expect(Object.keys(await versionsOf(gone!.person))).toEqual(['1', '2']);
      await owner.store.forget(gone!.person);

      expect(await versionsOf(gone!.person)).toMatchObject({ 1: { destroyed: true }, 2: { destroyed: true }, 3: { destroyed: false } });
      for (const version of [1, 2])
        await expect(openBao.call('GET', `past-tense/data-keys/data/${READERS}/${gone!.person}?version=${version}`)).rejects.toThrow('404');
      await owner.prepare(permissions);
      await openBao.call('POST', `past-tense/transit/keys/${READERS}/rotate`, {});
      await owner.store.rewrap();
      expect(Object.keys(await versionsOf(stays!.person))).toEqual(['3']);
    });

    it('finishes what a forgetting that failed half-way left', async () => {
      const ref = { person: randomUUID(), readers: 'payments+shipping' };
      await owner.store.make([ref, { ...ref, readers: READERS }]);
      const token = await openBao.token(['half']);
      await openBao.call('PUT', 'sys/policies/acl/half', {
        policy: `path "past-tense/*" { capabilities = ["create", "read", "update", "list"] }
               path "past-tense/data-keys/data/${READERS}/*" { capabilities = ["deny"] }`,
      });
      const half = await open(openBao.url, token);
      await expect(half.store.forget(ref.person)).rejects.toThrow('refuses');
      await half.close();

      await owner.store.forget(ref.person);
      expect(await owner.store.find([ref, { ...ref, readers: READERS }])).toEqual(['forgotten', 'forgotten']);
    });

    it('does not start a service whose token is none, or has not its policy, and says so without the token', async () => {
      const start = (token: string) =>
        openPersonalData(READERS, { KEY_STORE_URL: openBao.url, KEY_STORE_TOKEN: token, ...settings }, logger).then(({ close }) => close());
      await start(await openBao.token([`past-tense-${READERS}`]));

      await expect(start('s.hush')).rejects.toThrow(/refuses GET auth\/token\/lookup-self .* check that KEY_STORE_TOKEN has not ended/);
      await expect(start('s.hush')).rejects.not.toThrow('hush');
      await expect(start(await openBao.token(['past-tense-orders-2']))).rejects.toThrow(
        'The key store does not let shipping read keys (KEY_STORE_TOKEN may not use past-tense/transit/decrypt/shipping, so it has not the policy of shipping)',
      );
    });

    it('lets a reader change nothing that is there, nor use the engines for anything but its keys', async () => {
      const [ref] = refs(1);
      await owner.store.make([ref!]);
      const token = await openBao.token([`past-tense-${READERS}`]);
      const ask = async (method: string, path: string, body?: object) =>
        (
          await fetch(`${openBao.url}/v1/past-tense/${path}`, {
            method,
            headers: { 'x-vault-token': token },
            ...(body && { body: JSON.stringify(body) }),
          })
        ).status;
      const entry = `data-keys/data/${READERS}/${ref!.person}`;
      expect(await ask('GET', entry)).toBe(200);
      for (const [method, path, body] of [
        ['POST', entry, { data: { forgotten: true } }],
        ['DELETE', entry],
        ['PUT', entry.replace('/data/', '/destroy/'), { versions: [1] }],
        ['DELETE', entry.replace('/data/', '/metadata/')],
        ['GET', `data-keys/metadata/${READERS}?list=true`],
        ['GET', entry.replace(READERS, 'orders')],
        ['POST', `transit/keys/${READERS}/rotate`, {}],
        ['DELETE', `transit/keys/${READERS}`],
        ['POST', 'transit/decrypt/orders', { ciphertext: 'vault:v1:AAAA' }],
      ] as const)
        expect([method, path, await ask(method, path, body)]).toEqual([method, path, 403]);
    });

    it('says that it is not where it was said to be, as an outage', async () => {
      const elsewhere = await open(`${openBao.url}/elsewhere`, openBao.rootToken);
      await expect(elsewhere.store.find(refs(1))).rejects.toMatchObject({
        failure: 'unavailable',
        message: expect.stringContaining('check the path in KEY_STORE_URL, and run npm run key-store') as string,
      });
      await elsewhere.close();
    });

    it('renews its token, which would end otherwise', async () => {
      const lines: string[] = [];
      const noting = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });
      jest.spyOn(noting, 'warn').mockImplementation((_: unknown, line?: unknown) => void lines.push(String(line)));
      const [kept, lost] = [await openBao.token([`past-tense-${READERS}`], '3s'), await openBao.token([`past-tense-${READERS}`], '3s')];
      const one = await openKeyStore('test', { KEY_STORE_URL: openBao.url, KEY_STORE_TOKEN: kept, ...settings }, noting);
      const lookUp = (token: string) => fetch(`${openBao.url}/v1/auth/token/lookup-self`, { headers: { 'x-vault-token': token } });

      await eventually(async () => expect((await lookUp(lost)).status).toBe(403));
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      expect((await lookUp(kept)).status).toBe(200);
      expect(await one.store.find(refs(1))).toEqual([undefined]);
      await one.close();
      expect(lines).toEqual([]);
    });

    // The last one: it takes the server away.
    it('is an outage while the server is sealed or gone, and serves as soon as it is back', async () => {
      const wanted = refs(1);
      const keys = await owner.store.make(wanted);
      const found = (store: KeyStore) => store.find(wanted);
      await openBao.call('PUT', 'sys/seal');
      await expect(found(owner.store)).rejects.toMatchObject({
        failure: 'unavailable',
        message: `The key store at ${new URL(openBao.url).host} is sealed; unseal it (bao operator unseal).`,
      });

      await openBao.kill();
      await expect(found(owner.store)).rejects.toMatchObject({ name: 'KeyStoreUnavailableError', failure: 'unavailable' });
      await openBao.start();
      await eventually(async () => expect(await found(owner.store)).toEqual(keys));
    });
  });
