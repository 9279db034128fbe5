import { join } from 'node:path';
import { Child, untilReady } from './child';
import { Complaint } from './complaint';
import { ROOT } from './root';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 20_000;

export interface IssuerOptions {
  /** Folder for its signing key. */
  readonly dataDir: string;
  readonly logFile: string;
  readonly port: number;
  /** Secret with which orders asks for its own tokens. */
  readonly ordersSecret: string;
}

/** The development issuer. */
export class Issuer {
  #child: Child | undefined;

  constructor(private readonly options: IssuerOptions) {}

  get url(): string {
    return `http://${HOST}:${this.options.port}`;
  }

  get child(): Child | undefined {
    return this.#child;
  }

  /** @throws Complaint if it does not come up */
  async start(): Promise<void> {
    const { dataDir, logFile, port, ordersSecret } = this.options;
    this.#child = Child.start({
      name: 'Issuer',
      command: process.execPath,
      args: [join(ROOT, 'infra', 'issuer', 'dist', 'main.js')],
      env: {
        ...process.env,
        HTTP_HOST: HOST,
        HTTP_PORT: String(port),
        ISSUER_URL: this.url,
        ISSUER_FOLDER: dataDir,
        ORDERS_CLIENT_SECRET: ordersSecret,
      },
      logFile,
    });
    const ready = async () => (await fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(1_000) })).ok;
    if (await untilReady(this.#child, START_TIMEOUT_MS, ready)) return;
    await this.#child.kill();
    throw new Complaint(`The development issuer does not start; read ${logFile}. It said:\n${this.#child.lastWords()}`);
  }

  async stop(timeoutMs = 2_000): Promise<void> {
    await this.#child?.stop(timeoutMs);
  }
}

/**
 * A token of a development issuer.
 * @param name such as `customer-1`, a customer's UUID, or `support`
 * @param secret of a service; people need none
 * @throws Complaint if nothing answers there or nobody of that name is known
 */
export async function tokenOf(issuerUrl: string, name: string, secret = ''): Promise<string> {
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: name, client_secret: secret });
  const answer = await fetch(`${issuerUrl}/token`, { method: 'POST', body: form, signal: AbortSignal.timeout(5_000) }).catch(() => {
    throw new Complaint(`Nothing answers at ${issuerUrl}, where the development issuer should be; start the stack with npm start.`);
  });
  const { access_token: token, error_description: refusal } = (await answer.json()) as {
    access_token?: string;
    error_description?: string;
  };
  if (!token) throw new Complaint(`The development issuer gives no token for ${name}: ${refusal}`);
  return token;
}
