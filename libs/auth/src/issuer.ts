import { allowInsecureRequests, ClientSecretPost, discovery, type Configuration } from 'openid-client';

export interface IssuerOptions {
  /** The issuer, as it stands in its tokens (`iss`). */
  readonly issuer: string;
  /** Whether this is a workstation or a test, where the development issuer may be used. */
  readonly development: boolean;
}

/** In its metadata, the development issuer says that it is one. */
export const DEVELOPMENT_MARK = 'past_tense_development';
/** Keys of the development issuer have ids that begin with this. */
export const DEVELOPMENT_KEY = 'development-';

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;
const TIMEOUT_S = 5;

/**
 * Asks an OpenID Connect issuer for its metadata (https://openid.net/specs/openid-connect-discovery-1_0.html).
 * @throws Error in one sentence: nothing answers, it is the development issuer outside of development, or plain HTTP over a network
 */
export async function discoverIssuer(
  { issuer, development }: IssuerOptions,
  client: { id: string; secret: string } = { id: 'none', secret: 'none' },
): Promise<Configuration> {
  const url = new URL(issuer);
  const insecure = url.protocol === 'http:';
  if (insecure && !development && !LOOPBACK.test(url.hostname))
    throw new Error(
      `The issuer ${issuer} is reached over plain HTTP, where anybody on the way could put keys of their own; use an https address in AUTH_ISSUER.`,
    );
  const configuration = await ask(url, client, insecure);
  if (!development && configuration.serverMetadata()[DEVELOPMENT_MARK])
    throw new Error(
      `The issuer ${issuer} is the development issuer, which gives a token to whoever asks; name your own in AUTH_ISSUER. (On a workstation, set DEPLOYMENT=development.)`,
    );
  return configuration;
}

async function ask(url: URL, client: { id: string; secret: string }, insecure: boolean): Promise<Configuration> {
  try {
    return await discovery(url, client.id, undefined, ClientSecretPost(client.secret), {
      timeout: TIMEOUT_S,
      execute: insecure ? [allowInsecureRequests] : [],
    });
  } catch (error) {
    const { message, cause } = error as Error;
    throw new Error(
      `The issuer ${url.href} does not tell where its keys are (${(cause as Error | undefined)?.message ?? message}). Check AUTH_ISSUER and that it runs.`,
      { cause: error },
    );
  }
}
