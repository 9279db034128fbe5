import { join } from 'node:path';
import { Child } from './child';
import { Complaint } from './complaint';
import type { Postgres } from './postgres';
import { ROOT } from './root';

/** Who owns a key store, and the name of its database. */
export const OWNER = 'key_store';
const MASTER_KEY = 'master-key';

/** What it needs secrets for: the role that owns it, and what its keys are wrapped with. */
export const KEY_STORE_SECRETS = [OWNER, MASTER_KEY];

export interface PostgresKeyStoreOptions {
  readonly postgres: Postgres;
  readonly secrets: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/** Where the data keys are. */
export interface KeyStore {
  /**
   * Brings it up to date and lets the services use their keys.
   * @throws Complaint with what went wrong
   */
  prepare(): Promise<void>;
  /** Settings with which a process uses the keys: as a service, or as its owner (`key_store`). */
  env(role: string): NodeJS.ProcessEnv;
  /** Its process, if it has one of its own. */
  readonly child?: Child | undefined;
  /** Stops its process, if it has one of its own. */
  stop?(timeoutMs: number): Promise<void>;
}

/** The data keys, in a database of their own. The roles of the services must be there. */
export class PostgresKeyStore implements KeyStore {
  constructor(private readonly options: PostgresKeyStoreOptions) {}

  async prepare(): Promise<void> {
    const { postgres, secrets, logFile } = this.options;
    await postgres.ensureDatabase(OWNER, secrets[OWNER]!);
    await bringUpToDate(this.env(OWNER), logFile);
  }

  env(role: string): NodeJS.ProcessEnv {
    const { postgres, secrets } = this.options;
    return {
      KEY_STORE_URL: postgres.url(OWNER, role, secrets[role]),
      MASTER_KEYS: `local:${Buffer.from(secrets[MASTER_KEY]!, 'base64url').toString('base64')}`,
    };
  }
}

/** What `npm run key-store` does. */
export async function bringUpToDate(env: NodeJS.ProcessEnv, logFile: string): Promise<void> {
  const child = Child.start({
    name: 'Key store',
    command: process.execPath,
    args: [join(ROOT, 'infra', 'key-store', 'dist', 'main.js')],
    env: { ...process.env, ...env },
    logFile,
  });
  if ((await child.exited).code !== 0) throw new Complaint(`The key store could not be brought up to date. It said:\n${child.lastWords()}`);
}
