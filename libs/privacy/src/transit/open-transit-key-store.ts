import { ConfigurationError } from '@past-tense/config';
import type { Logger } from '@past-tense/telemetry';
import type { OpenKeyStore } from '../open-key-store';
import type { KeyStoreSettings } from '../settings';
import { prepareServer } from './prepare-server';
import { folderOf, TransitKeyStore } from './transit-key-store';
import { VaultClient } from './vault-client';

const MOUNT = 'past-tense';
/** An agent beside the service may be spoken to in plain text. */
const HERE = ['127.0.0.1', '[::1]', 'localhost'];

/** Connects to a key store in a server with the API of Vault; as `openKeyStore`. */
export async function openTransitKeyStore(who: string, address: string, settings: KeyStoreSettings, logger: Logger): Promise<OpenKeyStore> {
  const { KEY_STORE_TOKEN } = settings;
  if (KEY_STORE_TOKEN === undefined)
    throw new ConfigurationError(
      `${who} handles personal data and KEY_STORE_TOKEN is not set; set it to a token with the policy of ${who}.`,
    );
  const url = new URL(address);
  if (url.protocol === 'http:' && !HERE.includes(url.hostname))
    throw new ConfigurationError(`KEY_STORE_URL is http, which shows data keys to whoever listens on the way to ${url.host}; use https.`);
  const mount = url.pathname.replaceAll(/^\/|\/$/g, '') || MOUNT;
  const vault = new VaultClient({ url, token: KEY_STORE_TOKEN, logger });
  const store = new TransitKeyStore(vault, mount);
  try {
    await vault.keepToken();
  } catch (error) {
    await vault.close();
    throw error;
  }
  return {
    store,
    prepare: async (permissions) => {
      await prepareServer(vault, mount, store, permissions);
      // A policy needs nobody to be there who has it.
      return [];
    },
    checkAccess: async (service) => {
      const path = `${mount}/transit/decrypt/${folderOf(service)}`;
      const { data } = await vault.call<{ capabilities: string[] }>('POST', 'sys/capabilities-self', { paths: [path] });
      if (!data.capabilities.some((one) => ['update', 'root'].includes(one)))
        throw new Error(`KEY_STORE_TOKEN may not use ${path}, so it has not the policy of ${service}`);
    },
    close: () => vault.close(),
  };
}
