import { ConfigurationError } from '@past-tense/config';
import { Database } from '@past-tense/database';
import type { Logger } from '@past-tense/telemetry';
import type { OpenKeyStore } from '../open-key-store';
import type { KeyStoreSettings } from '../settings';
import { checkMasterKeys } from './check-master-keys';
import { grantPermissions } from './grant-permissions';
import { MasterKeys } from './master-keys';
import { CreateDataKeys1763760000000 } from './migrations/1763760000000-create-data-keys';
import { CheckMasterKeys1763760000002 } from './migrations/1763760000002-check-master-keys';
import { PostgresKeyStore } from './postgres-key-store';

const POOL_SIZE = 4;

/** Connects to a key store in a database; as `openKeyStore`. */
export async function openPostgresKeyStore(
  who: string,
  address: string,
  settings: KeyStoreSettings,
  logger: Logger,
): Promise<OpenKeyStore> {
  const url = withPassword(address, settings.KEY_STORE_PASSWORD);
  const masters = masterKeysOf(who, settings);
  const database = new Database({
    url,
    applicationName: who,
    entities: [],
    migrations: [CreateDataKeys1763760000000, CheckMasterKeys1763760000002],
    poolSize: POOL_SIZE,
    logger,
  });
  try {
    await database.connect();
  } catch (error) {
    const { host, pathname } = new URL(url);
    throw new Error(
      `The key store at ${host}${pathname} cannot be used: ${(error as Error).message || (error as NodeJS.ErrnoException).code}. Check KEY_STORE_URL and that PostgreSQL runs.`,
      { cause: error },
    );
  }
  return {
    store: new PostgresKeyStore(database, masters),
    prepare: async (permissions) => {
      await database.migrate();
      await checkMasterKeys(database, masters);
      return await grantPermissions(database, permissions);
    },
    checkAccess: async () => {
      await database.query({ name: 'key-store-ready', text: 'SELECT 1 FROM data_keys LIMIT 0' });
      await checkMasterKeys(database, masters);
    },
    close: () => database.close(),
  };
}

function withPassword(address: string, password: string | undefined): string {
  const url = new URL(address);
  if (password !== undefined) url.password = encodeURIComponent(password);
  return url.href;
}

function masterKeysOf(who: string, { MASTER_KEYS }: KeyStoreSettings): MasterKeys {
  if (MASTER_KEYS === undefined)
    throw new ConfigurationError(
      `${who} handles personal data and MASTER_KEYS is not set; set it to <id>:<base64 of 32 bytes>, such as one from: openssl rand -base64 32.`,
    );
  return new MasterKeys(MASTER_KEYS);
}
