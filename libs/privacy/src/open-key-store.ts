import { ConfigurationError } from '@past-tense/config';
import type { Logger } from '@past-tense/telemetry';
import { DataKeys } from './data-keys';
import type { KeyPermissions } from './key-permissions';
import type { KeyStore } from './key-store';
import { PersonalData } from './personal-data';
import { openPostgresKeyStore } from './postgres/open-postgres-key-store';
import type { KeyStoreSettings } from './settings';
import { openTransitKeyStore } from './transit/open-transit-key-store';

/** An open key store. */
export interface OpenKeyStore {
  readonly store: KeyStore;
  /**
   * Brings the store up to date: what it keeps keys in, and which service may use which. Takes from all others what they had. Needs its owner.
   * @returns the services that are not known in the store yet, which were left out
   * @throws ConfigurationError if a master key is not the one that the store knows by its id
   */
  readonly prepare: (permissions: KeyPermissions) => Promise<string[]>;
  /**
   * Makes sure that a service may read keys, and has the master keys that they are wrapped with.
   * @throws ConfigurationError if it has another one under the same id; Error that says what else is against it
   */
  readonly checkAccess: (service: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

/**
 * Connects to the key store: a PostgreSQL database, or a server with the API of Vault if its address begins with http.
 * @param who name of the process, shown by PostgreSQL beside its connections
 * @throws ConfigurationError if a setting is missing; Error in one sentence if the store does not answer
 */
export async function openKeyStore(who: string, settings: KeyStoreSettings, logger: Logger): Promise<OpenKeyStore> {
  const { KEY_STORE_URL } = settings;
  if (KEY_STORE_URL === undefined)
    throw new ConfigurationError(`${who} handles personal data and KEY_STORE_URL is not set; name the store of the data keys.`);
  const open = /^https?:/.test(KEY_STORE_URL) ? openTransitKeyStore : openPostgresKeyStore;
  return await open(who, KEY_STORE_URL, settings, logger);
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
  const { store, checkAccess, close } = await openKeyStore(service, settings, logger);
  try {
    await checkAccess(service);
  } catch (error) {
    await close();
    if (error instanceof ConfigurationError) throw error;
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
