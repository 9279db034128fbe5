import { ConfigurationError, readConfig } from '@past-tense/config';
import { keyPermissions, keyStoreSettings, openKeyStore, type OpenKeyStore } from '@past-tense/privacy';
import { createLogger } from '@past-tense/telemetry';
import { z } from 'zod';

const USAGE = `Usage: npm run key-store [-- rewrap]

Brings the key store up to date: its tables or engines, and which service may use which data keys, as the contracts say. With "rewrap" it then
wraps every data key with the current master key; what is sealed with the data keys stays as it is (docs/data-keys.md).

A database:
  KEY_STORE_URL, KEY_STORE_PASSWORD  postgres://…, as the role that owns it
  MASTER_KEYS                        <id>:<base64 of 32 bytes>, separated by commas; the current one first
A server with the API of Vault, such as OpenBao:
  KEY_STORE_URL                      https://host:port, and where its engines are to be mounted if not at /past-tense
  KEY_STORE_TOKEN                    a token that may mount engines and write policies`;

const say = (line: string) => void process.stdout.write(`${line}\n`);

async function main(args: readonly string[]): Promise<void> {
  const [command = 'migrate', ...rest] = args;
  if (!['migrate', 'rewrap'].includes(command) || rest.length > 0) return say(USAGE);
  const settings = readConfig(z.object(keyStoreSettings));
  const logger = createLogger({ service: 'key-store', version: '1', level: 'silent', format: 'json' });
  const keyStore = await openKeyStore('key-store', settings, logger);
  try {
    await migrate(keyStore);
    if (command === 'rewrap') await rewrap(keyStore);
  } finally {
    await keyStore.close();
  }
}

async function migrate({ prepare }: OpenKeyStore): Promise<void> {
  const permissions = keyPermissions();
  const missing = await prepare(permissions);
  // A service that is not there yet, or was left out, gets in once its role is made and this is run again.
  if (missing.length > 0) say(`note: there is no role for ${missing.join(', ')} in the key store.`);
  say(
    `The key store is up to date. ${permissions.users.join(', ')} may use data keys; ${permissions.sealers.join(', ')} may make and destroy them.`,
  );
}

async function rewrap({ store }: OpenKeyStore): Promise<void> {
  const renewed = await store.rewrap();
  say(
    renewed === 0
      ? 'Every data key is wrapped with the current master key.'
      : `${renewed} data keys are wrapped with the current master key now.`,
  );
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const { message } = error as Error;
  process.stderr.write(`${error instanceof ConfigurationError ? message : `The key store was not brought up to date. ${message}`}\n`);
  process.exitCode = 1;
});
