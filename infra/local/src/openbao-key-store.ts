import { join } from 'node:path';
import type { Child } from './child';
import { bringUpToDate, OWNER, PostgresKeyStore, type KeyStore, type PostgresKeyStoreOptions } from './key-store';
import { OpenBao } from './openbao';
import { freePort } from './ports';

export interface OpenBaoKeyStoreOptions {
  /** The program. */
  readonly binary: string;
  readonly dataDir: string;
  /** Names of the services that use data keys. */
  readonly services: readonly string[];
  /** Log of the server. */
  readonly logFile: string;
  /** Log of what brings it up to date. */
  readonly updateLogFile: string;
}

/** The data keys, in an OpenBao of their own. */
export class OpenBaoKeyStore implements KeyStore {
  #server: OpenBao | undefined;
  readonly #tokens = new Map<string, string>();

  constructor(private readonly options: OpenBaoKeyStoreOptions) {}

  get child(): Child | undefined {
    return this.#server?.child;
  }

  async prepare(): Promise<void> {
    const { services, updateLogFile } = this.options;
    this.#server = new OpenBao({ ...this.options, port: await freePort() });
    await this.#server.start();
    this.#tokens.set(OWNER, this.#server.rootToken);
    await bringUpToDate(this.env(OWNER), updateLogFile);
    for (const service of services) this.#tokens.set(service, await this.#server.token([`past-tense-${service}`]));
  }

  env(role: string): NodeJS.ProcessEnv {
    return { KEY_STORE_URL: this.#server?.url, KEY_STORE_TOKEN: this.#tokens.get(role) };
  }

  async stop(timeoutMs: number): Promise<void> {
    await this.#server?.stop(timeoutMs);
  }
}

/**
 * The key store of a stack: in OpenBao where `OPENBAO_BINARY` names its program, else in PostgreSQL.
 * @param options `folder` is that of the stack's data and logs
 */
export function keyStoreOf(options: Omit<PostgresKeyStoreOptions, 'logFile'> & { services: readonly string[]; folder: string }): KeyStore {
  const { services, folder } = options;
  const binary = process.env['OPENBAO_BINARY'];
  const logFile = join(folder, 'logs', 'key-store.log');
  if (!binary) return new PostgresKeyStore({ ...options, logFile });
  const dataDir = join(folder, 'data', 'openbao');
  return new OpenBaoKeyStore({ binary, services, dataDir, logFile: join(folder, 'logs', 'openbao.log'), updateLogFile: logFile });
}
