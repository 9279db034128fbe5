export { DataKeys, type DataKeysOptions } from './data-keys';
export {
  KeyBrokenError,
  KeyMissingError,
  KeyStoreUnavailableError,
  MasterKeyMissingError,
  PersonForgottenError,
  SealBrokenError,
} from './errors';
export { keyPermissions, type KeyPermissions } from './key-permissions';
export type { FoundKey, KeyRef, KeyStore } from './key-store';
export { openKeyStore, openPersonalData, type OpenKeyStore, type OpenPersonalData } from './open-key-store';
export { PersonalData, readsPersonal, type Kept } from './personal-data';
export { keyStoreSettings, type KeyStoreSettings } from './settings';
