import { clientCredentialsGrant, type Configuration } from 'openid-client';
import { discoverIssuer, type IssuerOptions } from './issuer';
import type { Scope } from './scopes';

export interface ServiceTokenOptions extends IssuerOptions {
  readonly audience: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: Scope;
}

const RENEW_BEFORE_MS = 30_000;

/** The token with which a service calls another one: fetched with its credentials (RFC 6749, 4.4), kept until shortly before it ends. */
export class ServiceToken {
  #issuer: Promise<Configuration> | undefined;
  #token: Promise<{ value: string; renewAtMs: number }> | undefined;

  constructor(private readonly options: ServiceTokenOptions) {}

  /** @throws Error if the issuer gives none */
  async get(): Promise<string> {
    let current = await this.#current();
    if (Date.now() >= current.renewAtMs) {
      this.#token = undefined;
      current = await this.#current();
    }
    return current.value;
  }

  /** One request at a time, however many ask; a failure is not kept. */
  async #current(): Promise<{ value: string; renewAtMs: number }> {
    this.#token ??= this.#fetch();
    const asked = this.#token;
    try {
      return await asked;
    } catch (error) {
      if (this.#token === asked) this.#token = undefined;
      throw error;
    }
  }

  async #fetch(): Promise<{ value: string; renewAtMs: number }> {
    const { audience, scope, clientId, clientSecret } = this.options;
    this.#issuer ??= discoverIssuer(this.options, { id: clientId, secret: clientSecret });
    const issuer = await this.#issuer.catch((error: unknown) => {
      this.#issuer = undefined;
      throw error;
    });
    const answer = await clientCredentialsGrant(issuer, { audience, scope });
    const lifetimeMs = (answer.expiresIn() ?? 60) * 1000;
    return { value: answer.access_token, renewAtMs: Date.now() + Math.max(lifetimeMs - RENEW_BEFORE_MS, lifetimeMs / 2) };
  }
}
