import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { grantedScopes, KNOWN, personaOf } from './personas';
import type { SigningKey } from './signing-key';

export interface TokenEndpointOptions {
  readonly issuer: string;
  readonly audience: string;
  readonly lifetimeS: number;
  readonly key: SigningKey;
  /** Secrets of the services, by name. */
  readonly secrets: Readonly<Record<string, string>>;
}

export interface TokenAnswer {
  readonly status: number;
  readonly body: object;
}

const MAX_BODY_BYTES = 8_192;

/** The token endpoint with the client credentials grant, RFC 6749. */
export class TokenEndpoint {
  constructor(private readonly options: TokenEndpointOptions) {}

  async answer(request: IncomingMessage): Promise<TokenAnswer> {
    // A page in a browser must not be able to fetch a token behind its reader's back.
    if (request.headers.origin) return refusal(403, 'invalid_request', 'Tokens are not given to web pages.');
    const form = await formOf(request);
    if (!form) return refusal(400, 'invalid_request', 'Send a form (application/x-www-form-urlencoded) of at most 8 KiB.');
    if (form.get('grant_type') !== 'client_credentials')
      return refusal(400, 'unsupported_grant_type', 'Only grant_type=client_credentials is known.');
    const { name, secret } = clientOf(request, form);
    const persona = personaOf(name);
    if (!persona) return refusal(401, 'invalid_client', `Nobody of that name is known; known are ${KNOWN}.`);
    if (persona.service && !same(secret, this.options.secrets[name]))
      return refusal(401, 'invalid_client', `The secret of ${name} is not right.`);
    const scopes = grantedScopes(persona, form.get('scope') ?? undefined);
    if (!scopes) return refusal(400, 'invalid_scope', `${name} has the scopes ${persona.scopes.join(' ') || 'none'}.`);
    const { issuer, audience, lifetimeS, key } = this.options;
    const scope = scopes.join(' ');
    const claims = { iss: issuer, aud: audience, sub: persona.subject, client_id: name, scope };
    return { status: 200, body: { access_token: await key.sign(claims, lifetimeS), token_type: 'Bearer', expires_in: lifetimeS, scope } };
  }
}

function refusal(status: number, error: string, description: string): TokenAnswer {
  return { status, body: { error, error_description: description } };
}

function clientOf({ headers }: IncomingMessage, form: URLSearchParams): { name: string; secret: string } {
  const basic = /^basic (.+)$/i.exec(headers.authorization ?? '')?.[1];
  if (!basic) return { name: form.get('client_id') ?? '', secret: form.get('client_secret') ?? '' };
  const [name = '', secret = ''] = Buffer.from(basic, 'base64').toString().split(':').map(decode);
  return { name, secret };
}

/** The parts of the header are encoded like a form's (RFC 6749, 2.3.1). */
function decode(text: string): string {
  return new URLSearchParams(`value=${text}`).get('value') ?? '';
}

function same(given: string, expected: string | undefined): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return expected !== undefined && timingSafeEqual(digest(given), digest(expected));
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  if (!/^application\/x-www-form-urlencoded/i.test(request.headers['content-type'] ?? '')) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString());
}
