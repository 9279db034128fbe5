import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { newId } from '@past-tense/envelope';
import { DataKeys, keyPermissions, openKeyStore, PersonalData } from '@past-tense/privacy';
import { logger } from './outbox-rows';

/** Whether what says something about people is sealed, and for whom: for customers whose keys are there, or for one whose keys are made with each order. */
export type Sealing = 'plain' | 'known customers' | 'new customers';

const CUSTOMERS = Array.from({ length: 200 }, () => newId());

/** Who places the next order. */
export function customersOf(sealing: Sealing): () => string {
  let next = 0;
  return sealing === 'known customers' ? () => CUSTOMERS[next++ % CUSTOMERS.length]! : newId;
}

/** Seals nothing: what the others are measured beside. */
class Unsealed extends PersonalData {
  override async sealEvent<D extends DescMessage>(_: D, data: MessageShape<D>): Promise<MessageShape<D>> {
    return data;
  }
}

/** What seals and opens the facts of orders, with a key store in the database of the measurement. */
export async function personalDataIn(
  url: string,
  { service = 'orders', sealing = 'new customers' }: { service?: string; sealing?: Sealing } = {},
): Promise<{ personal: PersonalData; close: () => Promise<void> }> {
  const settings = { DATA_KEYS_CACHED: 10_000, DATA_KEYS_CACHED_MS: 5_000 };
  const { store, prepare, close } = await openKeyStore(
    'bench',
    { KEY_STORE_URL: url, MASTER_KEYS: new Map([['bench', Buffer.alloc(32, 'bench')]]), ...settings },
    logger,
  );
  await prepare(keyPermissions());
  const keys = new DataKeys(store, { cached: settings.DATA_KEYS_CACHED, cachedMs: settings.DATA_KEYS_CACHED_MS });
  return { personal: new (sealing === 'plain' ? Unsealed : PersonalData)(service, keys), close };
}
