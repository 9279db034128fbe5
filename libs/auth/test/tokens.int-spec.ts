import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { DEVELOPMENT_MARK, IssuerUnavailableError, ServiceToken, TokenVerifier, UnauthenticatedError } from '../src';
import { eventually } from '@past-tense/testing';
import { AnIssuer } from './an-issuer';

const EVERYTHING_BUT_DATE = [
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
  'setInterval',
  'clearInterval',
  'setTimeout',
  'clearTimeout',
] as const;

const CUSTOMER = '019aa000-0000-7000-8000-00000000000c';

let issuer: AnIssuer;
let verifier: TokenVerifier;
beforeAll(async () => {
  issuer = await AnIssuer.start();
  verifier = await verifierOf(issuer);
});
afterAll(() => issuer.stop());

const verifierOf = ({ url }: AnIssuer, change: object = {}) =>
  TokenVerifier.of({ issuer: url, audience: 'past-tense', customerClaim: 'sub', development: false, ...change });

describe('a token', () => {
  it('says who calls and what they may do', async () => {
    const principal = await verifier.verify(await issuer.token({ sub: CUSTOMER.toUpperCase(), scope: 'orders:read orders:write' }));

    expect(principal).toEqual({ subject: CUSTOMER.toUpperCase(), customerId: CUSTOMER, scopes: new Set(['orders:read', 'orders:write']) });
  });

  it('of staff names no customer, and scopes may be a list', async () => {
    expect(await verifier.verify(await issuer.token({ sub: 'support', scp: ['orders:any'] }))).toEqual({
      subject: 'support',
      customerId: undefined,
      scopes: new Set(['orders:any']),
    });
  });

  it('may hold the customer in another claim', async () => {
    const other = await verifierOf(issuer, { customerClaim: 'customer_id' });

    expect(await other.verify(await issuer.token({ sub: 'auth0|7', customer_id: CUSTOMER }))).toMatchObject({ customerId: CUSTOMER });
    expect(await other.verify(await issuer.token({ sub: CUSTOMER, customer_id: 'x' }))).toMatchObject({ customerId: undefined });
  });

  it.each<[string, (good: string) => Promise<string> | string, RegExp]>([
    ['that has expired', () => issuer.token({}, { expiresIn: '1 minute ago' }), /has expired/],
    ['for another API', () => issuer.token({ aud: 'another' }), /"aud" is not right/],
    ['that claims another issuer', () => issuer.token({ iss: 'https://elsewhere.example' }), /"iss" is not right/],
    ['that is not good yet', () => issuer.token({ nbf: Math.floor(Date.now() / 1000) + 600 }), /"nbf" is not right/],
    ['without a subject', () => issuer.token({ sub: undefined }), /"sub" is not right/],
    ['with a key nobody knows', () => issuer.token({}, { header: { kid: 'unknown' } }), /not from an issuer/],
    ['signed by somebody else', () => foreign('ES256'), /signature of the token/],
    ['signed with a shared secret', () => symmetric(), /cannot be read/],
    [
      'that is not signed',
      () => new UnsecuredJWT({ sub: 'me', aud: 'past-tense', iss: issuer.url }).setExpirationTime('1 h').encode(),
      /cannot be read/,
    ],
    [
      'with a changed payload',
      (good) => good.replace(/\.[^.]+\./, `.${Buffer.from('{"sub":"me"}').toString('base64url')}.`),
      /signature|cannot/,
    ],
    ['that is no token', () => 'nonsense', /cannot be read/],
    ['that is empty', () => '', /cannot be read/],
    ['with an unknown critical header', () => issuer.token({}, { header: { crit: ['x'], x: 1 } }).catch(() => 'a.b.c'), /cannot be read/],
  ])('%s is not believed', async (_, make, why) => {
    const refused = verifier.verify(await make(await issuer.token({})));

    await expect(refused).rejects.toThrow(UnauthenticatedError);
    await expect(refused).rejects.toThrow(why);
  });

  const foreign = async (alg: string) => {
    const { privateKey } = await generateKeyPair(alg);
    return await new SignJWT({ iss: issuer.url, aud: 'past-tense', sub: 'me' })
      .setProtectedHeader({ alg, kid: 'first' })
      .setExpirationTime('1 h')
      .sign(privateKey);
  };
  /** The classic: the public key taken for the secret of an HMAC. */
  const symmetric = async () => {
    const { publicKey } = await generateKeyPair('ES256', { extractable: true });
    return await new SignJWT({ iss: issuer.url, aud: 'past-tense', sub: 'me' })
      .setProtectedHeader({ alg: 'HS256', kid: 'first' })
      .setExpirationTime('1 h')
      .sign(new TextEncoder().encode(JSON.stringify(await exportJWK(publicKey))));
  };
});

describe('an issuer', () => {
  it('that cannot be reached is not the fault of the token', async () => {
    const short = await AnIssuer.start();
    const cut = await verifierOf(short);
    const token = await short.token({});
    await short.stop();

    await expect(cut.verify(token)).rejects.toThrow(IssuerUnavailableError);
    await expect(verifierOf(short)).rejects.toThrow(/does not tell where its keys are .* Check AUTH_ISSUER and that it runs/);
  });

  it('that makes tokens for whoever asks is refused outside of development, at the start and later', async () => {
    const development = await AnIssuer.start({ kid: 'development-1', metadata: { [DEVELOPMENT_MARK]: true } });
    const disguised = await AnIssuer.start({ kid: 'development-1' });
    try {
      await expect(verifierOf(development)).rejects.toThrow(/is the development issuer, which gives a token to whoever asks/);
      await expect((await verifierOf(disguised)).verify(await disguised.token({}))).rejects.toThrow(
        'The token is from a development issuer.',
      );
      const trusting = await verifierOf(development, { development: true });
      expect(await trusting.verify(await development.token({ sub: 'support' }))).toMatchObject({ subject: 'support' });
    } finally {
      await development.stop();
      await disguised.stop();
    }
  });

  it('over plain HTTP across a network is refused outside of development', async () => {
    await expect(
      TokenVerifier.of({ issuer: 'http://issuer.example', audience: 'a', customerClaim: 'sub', development: false }),
    ).rejects.toThrow(/plain HTTP/);
  });
});

describe('the token of a service', () => {
  const tokenOf = ({ url }: AnIssuer) =>
    new ServiceToken({
      issuer: url,
      development: false,
      audience: 'past-tense',
      clientId: 'orders',
      clientSecret: 'secret',
      scope: 'shipments:command',
    });

  it('is fetched once, however many need it, and is believed', async () => {
    const own = await AnIssuer.start();
    try {
      const service = tokenOf(own);
      const tokens = await Promise.all(Array.from({ length: 20 }, () => service.get()));

      expect(new Set(tokens).size).toBe(1);
      expect(own.asked['/token']).toBe(1);
      expect(await (await verifierOf(own)).verify(tokens[0]!)).toMatchObject({ subject: 'orders', scopes: new Set(['shipments:command']) });
    } finally {
      await own.stop();
    }
  });

  describe('as time goes by', () => {
    const LIFETIME_S = 300;
    let own: AnIssuer;
    let service: ServiceToken;
    beforeEach(async () => {
      jest.useFakeTimers({ now: Date.now(), doNotFake: [...EVERYTHING_BUT_DATE] });
      own = await AnIssuer.start({ lifetimeS: LIFETIME_S });
      service = tokenOf(own);
    });
    afterEach(async () => {
      jest.useRealTimers();
      await own.stop();
    });
    const pass = (seconds: number) => jest.setSystemTime(Date.now() + seconds * 1000);

    it('is fetched once when it has ended, however many find out', async () => {
      const first = await service.get();
      pass(LIFETIME_S + 1);

      const tokens = await Promise.all(Array.from({ length: 20 }, () => service.get()));

      expect(new Set(tokens).size).toBe(1);
      expect(tokens[0]).not.toBe(first);
      expect(own.asked['/token']).toBe(2);
    });

    it('is renewed before it ends', async () => {
      const first = await service.get();
      pass(LIFETIME_S - 10);

      await eventually(async () => expect(await service.get()).not.toBe(first));
      expect(own.asked['/token']).toBe(2);
    });

    it('is used to its end while the issuer is away, and not after it', async () => {
      const first = await service.get();
      await own.stop();
      pass(LIFETIME_S - 10);
      for (let i = 0; i < 5; i++) expect(await service.get()).toBe(first);

      pass(10);
      await expect(service.get()).rejects.toThrow(`The issuer ${own.url} gives the client orders no token`);
    });

    it('that was refused is replaced once, however many ask for another', async () => {
      const refused = await service.get();
      pass(2);

      const tokens = await Promise.all(Array.from({ length: 20 }, () => service.get({ instead: refused })));

      expect(new Set(tokens).size).toBe(1);
      expect(tokens[0]).not.toBe(refused);
      expect(await service.get({ instead: refused })).toBe(tokens[0]);
      expect(own.asked['/token']).toBe(2);
    });
  });

  it('is fetched anew when the issuer was away, and before it ends', async () => {
    const away = await AnIssuer.start({ lifetimeS: 0 });
    const service = tokenOf(away);
    const { url } = away;
    expect(await service.get()).toEqual(expect.any(String));
    await service.get();
    expect(away.asked['/token']).toBeGreaterThan(1);
    await away.stop();
    await expect(service.get()).rejects.toThrow();
    await expect(tokenOf({ url } as AnIssuer).get()).rejects.toThrow(/does not tell where its keys are/);
  });
});
