import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface IssuerOptions {
  readonly kid?: string;
  /** More of its metadata. */
  readonly metadata?: object;
  /** Seconds that a token of the token endpoint is good for. */
  readonly lifetimeS?: number;
}

export interface Signing {
  readonly header?: object;
  readonly expiresIn?: string;
}

/** A real OpenID Connect issuer on this machine: metadata, keys, and a token endpoint that knows one client. */
export class AnIssuer {
  /** Requests it has answered, by path. */
  readonly asked: Record<string, number> = {};
  #keys: JWK[] = [];
  #key!: CryptoKey;
  #kid!: string;

  private constructor(
    private readonly server: Server,
    private readonly options: IssuerOptions,
    readonly url: string,
  ) {}

  static async start(options: IssuerOptions = {}): Promise<AnIssuer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const issuer = new AnIssuer(server, options, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await issuer.rotate(options.kid ?? 'first');
    server.on('request', (request, response) => {
      const path = request.url!;
      issuer.asked[path] = (issuer.asked[path] ?? 0) + 1;
      void issuer.#answer(path).then((body) => {
        response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}));
      });
    });
    return issuer;
  }

  /** Signs with another key from now on; what the one before has signed is not good any more. */
  async rotate(kid: string): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    this.#key = privateKey;
    this.#kid = kid;
    this.#keys = [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }];
  }

  async token(claims: JWTPayload, { header = {}, expiresIn = '5 minutes' }: Signing = {}): Promise<string> {
    return await new SignJWT({ iss: this.url, aud: 'past-tense', sub: 'somebody', ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: this.#kid, ...header })
      .setIssuedAt()
      .setExpirationTime(expiresIn)
      .sign(this.#key);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #answer(path: string): Promise<object | undefined> {
    if (path === '/.well-known/openid-configuration')
      return {
        issuer: this.url,
        jwks_uri: `${this.url}/jwks`,
        token_endpoint: `${this.url}/token`,
        token_endpoint_auth_methods_supported: ['client_secret_post'],
        ...this.options.metadata,
      };
    if (path === '/jwks') return { keys: this.#keys };
    if (path !== '/token') return undefined;
    const { lifetimeS = 300 } = this.options;
    const token = await this.token({ sub: 'orders', scope: 'shipments:command' }, { expiresIn: `${lifetimeS} s` });
    return { access_token: token, token_type: 'Bearer', expires_in: lifetimeS };
  }
}
