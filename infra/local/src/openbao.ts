import { mkdirSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, untilReady } from './child';
import { Complaint } from './complaint';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 60_000;
/** How long a token of a service lives that nobody renews. */
const TOKEN_PERIOD = '24h';

export interface OpenBaoOptions {
  /** The program. */
  readonly binary: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly port: number;
}

/** What opens the server: kept beside its data, so only good enough where both are thrown away or nothing in them matters. */
interface Opening {
  readonly keys: readonly string[];
  readonly root_token: string;
}

/** A real OpenBao server on this machine, with its data in a folder. */
export class OpenBao {
  #child: Child | undefined;

  constructor(readonly options: OpenBaoOptions) {}

  get child(): Child | undefined {
    return this.#child;
  }

  get url(): string {
    return `http://${HOST}:${this.options.port}`;
  }

  /** The token that may do everything. */
  get rootToken(): string {
    return this.#opening().root_token;
  }

  /**
   * Starts the server and unseals it; an empty one is set up first.
   * @throws Complaint if it does not come up
   */
  async start(): Promise<void> {
    const { binary, dataDir, logFile, port } = this.options;
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const config = join(dataDir, 'server.json');
    writeFileSync(
      config,
      JSON.stringify({
        storage: { file: { path: join(dataDir, 'storage') } },
        listener: { tcp: { address: `${HOST}:${port}`, tls_disable: true } },
        api_addr: this.url,
      }),
    );
    this.#child = Child.start({ name: 'OpenBao', command: binary, args: ['server', `-config=${config}`], logFile });
    const answers = async () => (await this.#ask('GET', 'sys/seal-status')).ok;
    if (!(await untilReady(this.#child, START_TIMEOUT_MS, answers))) {
      await this.#child.kill();
      throw new Complaint(`OpenBao (${binary}) does not start; read ${logFile}. It said:\n${this.#child.lastWords()}`);
    }
    if (!existsSync(this.#openingFile)) await this.#setUp();
    await this.call('POST', 'sys/unseal', { key: this.#opening().keys[0] });
  }

  /**
   * Asks the server for something, with the token that may do everything.
   * @throws Complaint if it does not do it
   */
  async call<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await this.#ask(method, path, body);
    const text = await answer.text();
    if (!answer.ok) throw new Complaint(`OpenBao refuses ${method} ${path} (${answer.status}): ${text}`);
    return (text ? JSON.parse(text) : {}) as T;
  }

  /** A new token with policies; it ends if nobody renews it. */
  async token(policies: readonly string[], period = TOKEN_PERIOD): Promise<string> {
    const body = { policies, period, no_parent: true };
    return (await this.call<{ auth: { client_token: string } }>('POST', 'auth/token/create', body)).auth.client_token;
  }

  async stop(timeoutMs = 4_000): Promise<void> {
    await this.#child?.stop(timeoutMs);
  }

  /** Ends the server as a crash would. */
  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  async #setUp(): Promise<void> {
    const opening = await this.call<Opening>('POST', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
    writeFileSync(this.#openingFile, JSON.stringify(opening), { mode: 0o600 });
  }

  get #openingFile(): string {
    return join(this.options.dataDir, 'opening.json');
  }

  #opening(): Opening {
    return JSON.parse(readFileSync(this.#openingFile, 'utf8')) as Opening;
  }

  async #ask(method: string, path: string, body?: object): Promise<Response> {
    return await fetch(`${this.url}/v1/${path}`, {
      method,
      headers: existsSync(this.#openingFile) ? { 'x-vault-token': this.rootToken } : {},
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
  }
}
