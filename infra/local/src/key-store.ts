import { join } from 'node:path';
import { Child } from './child';
import { Complaint } from './complaint';
import type { Postgres } from './postgres';
import { ROOT } from './root';

const DATABASE = 'key_store';
const MASTER_KEY = 'master-key';

/** What it needs secrets for: the role that owns it, and what its keys are wrapped with. */
export const KEY_STORE_SECRETS = [DATABASE, MASTER_KEY];

export interface KeyStoreOptions {
  readonly postgres: Postgres;
  readonly secrets: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/** The data keys, in a database of their own. */
export class KeyStore {
  constructor(private readonly options: KeyStoreOptions) {}

  /**
   * Makes the database and its tables, and lets the services use their keys. Their roles must be there.
   * @throws Complaint with what went wrong
   */
  async prepare(): Promise<void> {
    const { postgres, secrets, logFile } = this.options;
    await postgres.ensureDatabase(DATABASE, secrets[DATABASE]!);
    const child = Child.start({
      name: 'Key store',
      command: process.execPath,
      args: [join(ROOT, 'infra', 'key-store', 'dist', 'main.js')],
      env: { ...process.env, ...this.env(DATABASE) },
      logFile,
    });
    if ((await child.exited).code !== 0)
      throw new Complaint(`The key store could not be brought up to date. It said:\n${child.lastWords()}`);
  }

  /** Settings with which a process uses the keys, as a role: that of a service, or the owner's (`key_store`). */
  env(role: string): NodeJS.ProcessEnv {
    const { postgres, secrets } = this.options;
    return {
      KEY_STORE_URL: postgres.url(DATABASE, role, secrets[role]),
      MASTER_KEYS: `local:${Buffer.from(secrets[MASTER_KEY]!, 'base64url').toString('base64')}`,
    };
  }
}
