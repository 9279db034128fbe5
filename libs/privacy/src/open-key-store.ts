import { ConfigurationError } from '@past-tense/config';
import { Database } from '@past-tense/database';
import type { Logger } from '@past-tense/telemetry';
import { DataKeys } from './data-keys';
import { KeyStore } from './key-store';
import { MasterKeys } from './master-keys';
import { CreateDataKeys1763760000000 } from './migrations/1763760000000-create-data-keys';
import { PersonalData } from './personal-data';
import type { KeyStoreSettings } from './settings';

const POOL_SIZE = 4;

/** An open key store. */
export interface OpenKeyStore {
  readonly database: Database;
  readonly store: KeyStore;
  readonly close: () => Promise<void>;
}

/**
 * Connects to the key store.
 * @param who name of the process, shown by PostgreSQL beside its connections
 * @throws ConfigurationError if a setting is missing; Error in one sentence if the store does not answer
 */
export async function openKeyStore(who: string, settings: KeyStoreSettings, logger: Logger): Promise<OpenKeyStore> {
  const url = urlOf(who, settings);
  const masters = masterKeysOf(who, settings);
  const database = new Database({
    url,
    applicationName: who,
    entities: [],
    migrations: [CreateDataKeys1763760000000],
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
  return { database, store: new KeyStore(database, masters), close: () => database.close() };
}

/** What a service seals and opens personal data with, and how that ends. */
export interface OpenPersonalData {
  readonly personal: PersonalData;
  readonly close: () => Promise<void>;
}

/**
 * Gets ready to seal and open personal data.
 * @throws Error in one sentence with the remedy
 */
export async function openPersonalData(service: string, settings: KeyStoreSettings, logger: Logger): Promise<OpenPersonalData> {
  const { database, store, close } = await openKeyStore(service, settings, logger);
  try {
    await database.query({ name: 'key-store-ready', text: 'SELECT 1 FROM data_keys LIMIT 0' });
  } catch (error) {
    await close();
    throw new Error(
      `The key store does not let ${service} read keys (${(error as Error).message}); bring it up to date: npm run key-store.`,
      {
        cause: error,
      },
    );
  }
  const keys = new DataKeys(store, { cached: settings.DATA_KEYS_CACHED, cachedMs: settings.DATA_KEYS_CACHED_MS });
  return { personal: new PersonalData(service, keys), close };
}

function urlOf(who: string, { KEY_STORE_URL, KEY_STORE_PASSWORD }: KeyStoreSettings): string {
  if (KEY_STORE_URL === undefined)
    throw new ConfigurationError(`${who} handles personal data and KEY_STORE_URL is not set; name the database of the data keys.`);
  const url = new URL(KEY_STORE_URL);
  if (KEY_STORE_PASSWORD !== undefined) url.password = encodeURIComponent(KEY_STORE_PASSWORD);
  return url.href;
}

function masterKeysOf(who: string, { MASTER_KEYS }: KeyStoreSettings): MasterKeys {
  if (MASTER_KEYS === undefined)
    throw new ConfigurationError(
      `${who} handles personal data and MASTER_KEYS is not set; set it to <id>:<base64 of 32 bytes>, such as one from: openssl rand -base64 32.`,
    );
  return new MasterKeys(MASTER_KEYS);
}
