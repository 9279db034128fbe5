import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from 'jose';
import { DEVELOPMENT_KEY, discoverIssuer, type IssuerOptions } from './issuer';
import type { Principal } from './principal';
import { IssuerUnavailableError, UnauthenticatedError } from './refusals';

export interface VerifierOptions extends IssuerOptions {
  /** The API, as it stands in its tokens (`aud`). */
  readonly audience: string;
  /** Claim that holds the customer's id, a UUID. */
  readonly customerClaim: string;
}

const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'];
const CLOCK_TOLERANCE_S = 5;
// A key that the issuer takes back is believed for five minutes more; an issuer that is away stops nobody for a day.
const RELOAD_MS = 300_000;
const KEYS_MAX_AGE_MS = 86_400_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Says who a bearer token belongs to. */
export class TokenVerifier {
  readonly #keys: ReturnType<typeof createRemoteJWKSet>;

  private constructor(
    private readonly options: VerifierOptions,
    keysUrl: URL,
    private readonly issuer: string,
  ) {
    this.#keys = createRemoteJWKSet(keysUrl, { timeoutDuration: 3_000, cacheMaxAge: KEYS_MAX_AGE_MS });
    setInterval(() => void this.#keys.reload().catch(() => undefined), RELOAD_MS).unref();
  }

  /**
   * Asks the issuer where its keys are. The keys themselves are fetched when they are first needed, when a token names one that is not
   * known, and every five minutes.
   * @throws Error in one sentence if the issuer cannot be used
   */
  static async of(options: VerifierOptions): Promise<TokenVerifier> {
    const { issuer, jwks_uri: keysUrl } = (await discoverIssuer(options)).serverMetadata();
    if (!keysUrl) throw new Error(`The issuer ${options.issuer} does not publish its keys (jwks_uri is missing in its metadata).`);
    return new TokenVerifier(options, new URL(keysUrl), issuer);
  }

  /**
   * Checks a token (RFC 7519, RFC 9068): signature, issuer, audience, time.
   * @throws UnauthenticatedError saying what is wrong with it; IssuerUnavailableError if the keys cannot be had
   */
  async verify(token: string): Promise<Principal> {
    const { audience, customerClaim, development } = this.options;
    try {
      const { payload, protectedHeader } = await jwtVerify(token, this.#keys, {
        issuer: this.issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_S,
        requiredClaims: ['sub', 'exp'],
      });
      // At the start the issuer may have been another one.
      if (!development && protectedHeader.kid?.startsWith(DEVELOPMENT_KEY))
        throw new UnauthenticatedError('The token is from a development issuer.');
      const customer = payload[customerClaim];
      return {
        subject: payload.sub!,
        customerId: typeof customer === 'string' && UUID.test(customer) ? customer.toLowerCase() : undefined,
        scopes: scopesOf(payload),
      };
    } catch (error) {
      if (error instanceof UnauthenticatedError) throw error;
      throw refusalFor(error);
    }
  }
}

/** Issuers differ: one string with spaces (RFC 9068), or a list under another name. */
function scopesOf({ scope, scp }: JWTPayload): ReadonlySet<string> {
  const given = scope ?? scp;
  if (typeof given === 'string') return new Set(given.split(' ').filter(Boolean));
  return new Set(Array.isArray(given) ? given.filter((one) => typeof one === 'string') : []);
}

function refusalFor(error: unknown): Error {
  if (error instanceof errors.JWTExpired) return new UnauthenticatedError('The token has expired.');
  if (error instanceof errors.JWTClaimValidationFailed)
    return new UnauthenticatedError(`The token does not fit: "${error.claim}" is not right.`);
  if (error instanceof errors.JWKSNoMatchingKey) return new UnauthenticatedError('The token is not from an issuer this service knows.');
  if (error instanceof errors.JWSSignatureVerificationFailed) return new UnauthenticatedError('The signature of the token is not right.');
  const unreachable = error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError) || error.code === 'ERR_JOSE_GENERIC';
  if (unreachable && isAboutKeys(error)) return new IssuerUnavailableError('The keys of the issuer cannot be had.', { cause: error });
  return new UnauthenticatedError('The token cannot be read.');
}

/** jose throws plain errors for a token that is no token, too; those have nothing to do with fetching. */
function isAboutKeys(error: unknown): boolean {
  return error instanceof errors.JWKSTimeout || /fetch|Expected 200|Failed to parse the JSON Web Key Set/i.test((error as Error).message);
}
