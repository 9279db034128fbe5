import { httpUrl, postgresUrl, wholeNumber } from '@past-tense/config';
import { z } from 'zod';
import { KEY_BYTES } from './seal';

/** Master keys as text: `<id>:<base64 of 32 bytes>`, separated by commas, the current one first. */
export const masterKeys = () =>
  z
    .string()
    .transform((text) => text.split(',').map((entry) => entry.trim().split(':')))
    .refine(
      (entries) => entries.every(([id, key, ...rest]) => /^[\w-]{1,64}$/.test(id ?? '') && rest.length === 0 && bytesOf(key) === KEY_BYTES),
      'must be <id>:<base64 of 32 bytes>, separated by commas',
    )
    .refine((entries) => new Set(entries.map(([id]) => id)).size === entries.length, 'must not have an id twice')
    .transform((entries) => new Map(entries.map(([id, key]) => [id!, Buffer.from(key!, 'base64')])));

/** Settings of a process that seals or opens personal data. Spread them into the settings of the process. */
export const keyStoreSettings = {
  /** Where the data keys are: a database, as a role that may use what it needs, or a server with the API of Vault and where its engines are mounted. */
  KEY_STORE_URL: z
    .union([postgresUrl(), httpUrl()], 'must be postgres://user:password@host:port/database or https://host:port/mount')
    .optional(),
  /** The password, where it is not part of the address of a database. */
  KEY_STORE_PASSWORD: z.string().optional(),
  /** The token, where it is a server. */
  KEY_STORE_TOKEN: z.string().optional(),
  /** What the data keys are wrapped with, where it is a database; a server has its own. */
  MASTER_KEYS: masterKeys().optional(),
  /** Milliseconds for which a data key stays in memory: so long it may still open something after it was destroyed. */
  DATA_KEYS_CACHED_MS: wholeNumber(5_000, { min: 1, max: 60_000 }),
  /** Data keys in memory at most. */
  DATA_KEYS_CACHED: wholeNumber(10_000, { min: 1, max: 1_000_000 }),
};

export type KeyStoreSettings = z.infer<z.ZodObject<typeof keyStoreSettings>>;

const bytesOf = (base64: string | undefined) => (base64 ? Buffer.from(base64, 'base64').length : 0);
