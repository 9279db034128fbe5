export { DataKeys, type DataKeysOptions } from './data-keys';
export { KeyBrokenError, KeyMissingError, MasterKeyMissingError, PersonForgottenError, SealBrokenError } from './errors';
export { KeyStore, type FoundKey, type KeyRef } from './key-store';
export { MasterKeys } from './master-keys';
export { openKeyStore, openPersonalData, type OpenKeyStore, type OpenPersonalData } from './open-key-store';
export { grantPermissions, keyPermissions, type KeyPermissions } from './permissions';
export { PersonalData, readsPersonal, type Kept } from './personal-data';
export { keyStoreSettings, type KeyStoreSettings } from './settings';
