import { DataKeys, keyPermissions, openKeyStore, PersonalData } from '@past-tense/privacy';
import { randomBytes } from 'node:crypto';
import { logger } from './outbox-rows';

/** What seals the facts of orders, with a key store in the database of the measurement. */
export async function personalDataIn(url: string): Promise<{ personal: PersonalData; close: () => Promise<void> }> {
  const keys = { DATA_KEYS_CACHED: 10_000, DATA_KEYS_CACHED_MS: 5_000 };
  const { store, prepare, close } = await openKeyStore(
    'bench',
    { KEY_STORE_URL: url, MASTER_KEYS: new Map([['bench', randomBytes(32)]]), ...keys },
    logger,
  );
  await prepare(keyPermissions());
  return {
    personal: new PersonalData('orders', new DataKeys(store, { cached: keys.DATA_KEYS_CACHED, cachedMs: keys.DATA_KEYS_CACHED_MS })),
    close,
  };
}
