import { clientCredentialsGrant, ResponseBodyError, type Configuration } from 'openid-client';
import { discoverIssuer, type IssuerOptions } from './issuer';
import type { Scope } from './scopes';

export interface ServiceTokenOptions extends IssuerOptions {
  readonly audience: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: Scope;
}

interface HeldToken {
  readonly value: string;
  /** Milliseconds since 1970. */
  readonly renewAtMs: number;
  readonly endsAtMs: number;
}

const RENEW_BEFORE_MS = 30_000;
/** Until an issuer that gave no token is asked for the next one, as long as the token in hand is good. */
const RENEW_AGAIN_MS = 1_000;

/** The token with which a service calls another one: fetched with its credentials (RFC 6749, 4.4), renewed shortly before it ends. */
export class ServiceToken {
  #issuer: Promise<Configuration> | undefined;
  #held: HeldToken | undefined;
  #fetching: Promise<HeldToken> | undefined;

  constructor(private readonly options: ServiceTokenOptions) {}

  /**
   * A token that has not ended. It is renewed while it is still good, and nobody waits for that: an issuer that is away for a moment
   * is not noticed.
   * @param instead a token that was refused; another one is fetched if that is still the one in hand
   * @throws Error in one sentence, without the secret, if the issuer gives none
   */
  async get({ instead }: { readonly instead?: string | undefined } = {}): Promise<string> {
    if (this.#held && this.#held.value === instead) this.#held = undefined;
    const held = this.#held;
    const now = Date.now();
    if (!held || now >= held.endsAtMs) return (await this.#renew()).value;
    if (now >= held.renewAtMs) this.#renew().catch(() => this.#renewLater(held));
    return held.value;
  }

  /** One request at a time, however many ask; a failure is not kept. */
  #renew(): Promise<HeldToken> {
    this.#fetching ??= this.#fetch()
      .then((token) => (this.#held = token))
      .finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  #renewLater(held: HeldToken): void {
    if (this.#held === held) this.#held = { ...held, renewAtMs: Date.now() + RENEW_AGAIN_MS };
  }

  async #fetch(): Promise<HeldToken> {
    const { audience, scope, clientId, clientSecret } = this.options;
    this.#issuer ??= discoverIssuer(this.options, { id: clientId, secret: clientSecret });
    const issuer = await this.#issuer.catch((error: unknown) => {
      this.#issuer = undefined;
      throw error;
    });
    const answer = await clientCredentialsGrant(issuer, { audience, scope }).catch((error: unknown) => {
      throw new Error(
        `The issuer ${this.options.issuer} gives the client ${clientId} no token (${whyOf(error)}). Check the id and the secret of the client, and that the issuer runs.`,
        { cause: error },
      );
    });
    const now = Date.now();
    const lifetimeMs = (answer.expiresIn() ?? 60) * 1000;
    const renewAtMs = now + Math.max(lifetimeMs - RENEW_BEFORE_MS, lifetimeMs / 2);
    return { value: answer.access_token, renewAtMs, endsAtMs: now + lifetimeMs };
  }
}

/** The issuer's own word for it (RFC 6749, 5.2), such as `invalid_client`, or what became of the request. */
function whyOf(error: unknown): string {
  if (error instanceof ResponseBodyError) return error.error;
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
