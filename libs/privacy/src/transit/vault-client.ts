import type { Logger } from '@past-tense/telemetry';
import { Pool, type Dispatcher } from 'undici';
import { KeyStoreUnavailableError } from '../errors';

export interface VaultClientOptions {
  /** Address of the server, without a path. */
  readonly url: URL;
  readonly token: string;
  readonly logger: Logger;
  /** Milliseconds after which an answer is no longer waited for, waiting for a connection included. */
  readonly timeoutMs?: number;
  /** Connections at most; whoever finds none free waits. */
  readonly connections?: number;
}

/** What the server says: `data` if it did it, `errors` if not. */
export interface VaultAnswer<T> {
  readonly status: number;
  readonly data: T;
  readonly errors: readonly string[];
}

interface TokenFacts {
  /** Seconds that are left; 0 if it never ends. */
  readonly ttl: number;
  readonly renewable: boolean;
}

const RETRY_MS = 5_000;
/** Timers take no longer. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Talks to a server with the HTTP API of Vault, such as OpenBao.
 * https://openbao.org/api-docs/
 */
export class VaultClient {
  readonly #pool: Pool;
  #renewal: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(private readonly options: VaultClientOptions) {
    const { url, timeoutMs = 5_000, connections = 8 } = options;
    this.#pool = new Pool(url.origin, { connections, connect: { timeout: timeoutMs } });
  }

  /**
   * Asks for something.
   * @param path below `/v1/`
   * @param accepted statuses that are answers to the caller and no errors, besides those of success
   * @throws KeyStoreUnavailableError if there is no answer in time, the server is sealed or struggles, does not accept the token or has not what
   * is needed; Error if it does not understand what was asked
   */
  async call<T>(method: Dispatcher.HttpMethod, path: string, body?: object, accepted: readonly number[] = []): Promise<VaultAnswer<T>> {
    const { status, text } = await this.#send(method, path, body);
    const { data, errors = [] } = parsed<T>(text);
    // With a reason it is the path that is not there, and not what was looked for.
    const nowhere = status === 404 && errors.length > 0;
    if (status < 300 || (accepted.includes(status) && !nowhere)) return { status, data: data as T, errors };
    throw this.#refusal(status, errors, `${method} ${path}`);
  }

  /**
   * Renews the token at half of its life for as long as this client is open, so that one with a period never ends.
   * @throws KeyStoreUnavailableError if the server does not accept it now
   */
  async keepToken(): Promise<void> {
    const { ttl, renewable } = (await this.call<TokenFacts>('GET', 'auth/token/lookup-self')).data;
    if (ttl === 0) return;
    if (renewable) return this.#renewAfter(ttl * 500);
    this.options.logger.warn({ seconds: ttl }, 'the token for the key store ends and cannot be renewed; make one with a period');
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#renewal);
    await this.#pool.destroy();
  }

  #renewAfter(ms: number): void {
    if (this.#closed) return;
    this.#renewal = setTimeout(() => void this.#renew(), Math.min(ms, LONGEST_MS)).unref();
  }

  /** Never throws: whoever uses the token is told when it is too late. */
  async #renew(): Promise<void> {
    try {
      await this.call('POST', 'auth/token/renew-self', {});
      await this.keepToken();
    } catch (error) {
      if (this.#closed) return;
      this.options.logger.warn({ err: error }, 'the token for the key store could not be renewed; it is tried again');
      this.#renewAfter(RETRY_MS);
    }
  }

  async #send(method: Dispatcher.HttpMethod, path: string, body: object | undefined): Promise<{ status: number; text: string }> {
    const { url, token, timeoutMs = 5_000 } = this.options;
    try {
      const { statusCode, body: answer } = await this.#pool.request({
        method,
        path: `/v1/${path}`,
        // The second one is asked for by agents that stand in front of a server.
        headers: { 'x-vault-token': token, 'x-vault-request': 'true', ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { status: statusCode, text: await answer.text() };
    } catch (error) {
      const { name, message, code } = error as NodeJS.ErrnoException;
      const reason = name === 'TimeoutError' ? `no answer within ${timeoutMs} ms` : message || code;
      throw new KeyStoreUnavailableError(
        `The key store at ${url.host} cannot be reached (${reason}); check KEY_STORE_URL and that the server runs.`,
        { cause: error },
      );
    }
  }

  #refusal(status: number, errors: readonly string[], asked: string): Error {
    const { host } = this.options.url;
    const said = errors.join('; ') || `status ${status}`;
    if (status === 503 && /sealed/i.test(said))
      return new KeyStoreUnavailableError(`The key store at ${host} is sealed; unseal it (bao operator unseal).`);
    // A token that ended, one that never was and one that may not are told alike.
    if (status === 403)
      return new KeyStoreUnavailableError(
        `The key store at ${host} refuses ${asked} (${said}); check that KEY_STORE_TOKEN has not ended and has the policy of the service, and that npm run key-store was run.`,
      );
    if (status === 404)
      return new KeyStoreUnavailableError(
        `The key store at ${host} has nothing that answers ${asked} (${said}); check the path in KEY_STORE_URL, and run npm run key-store.`,
      );
    if (status >= 500 || status === 429) return new KeyStoreUnavailableError(`The key store at ${host} does not serve ${asked} (${said}).`);
    return new Error(`The key store at ${host} does not understand ${asked} (${said}); check that KEY_STORE_URL names it.`);
  }
}

/** The body of an answer; whatever is not JSON is not from the server that was meant, and says nothing. */
function parsed<T>(text: string): { data?: T; errors?: readonly string[] } {
  try {
    return text === '' ? {} : (JSON.parse(text) as { data?: T; errors?: readonly string[] });
  } catch {
    return {};
  }
}
