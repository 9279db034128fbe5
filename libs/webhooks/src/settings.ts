import { wholeNumber } from '@past-tense/config';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

const MAX_DELAY_MS = 7 * 86_400_000;
const DEFAULT_DELAYS_MS = [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 36_000_000];

const listed = (text: string) =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);

/** Settings of a service that sends webhooks; it adds them with `.extend(webhookSettings)`. */
export const webhookSettings = {
  /** Milliseconds between the attempts of a delivery; after the last one it is parked. */
  WEBHOOK_RETRY_DELAYS_MS: z
    .string()
    .default(DEFAULT_DELAYS_MS.join(','))
    .transform((text) => text.split(',').map((entry) => (/^\s*\d+\s*$/.test(entry) ? Number(entry) : Number.NaN)))
    .refine(
      (delays) => delays.length <= 12 && delays.every((delay) => delay >= 1 && delay <= MAX_DELAY_MS),
      `must be 1 to 12 whole numbers of milliseconds, separated by commas, each from 1 to ${MAX_DELAY_MS}`,
    ),
  /** Milliseconds for a whole attempt: name resolution, connection and answer. */
  WEBHOOK_TIMEOUT_MS: wholeNumber(10_000, { min: 100, max: 60_000 }),
  /** Hours for which the secret before the last rotation signs along. */
  WEBHOOK_SECRET_OVERLAP_HOURS: wholeNumber(24, { min: 0, max: 720 }),
  /** Networks that need not be public (CIDR, separated by commas), and to which plain HTTP and any port are allowed. */
  WEBHOOK_ALLOWED_NETWORKS: z
    .string()
    .default('')
    .transform(listed)
    .refine(
      (networks) => networks.every((network) => ipaddr.isValidCIDR(network)),
      'must be networks such as 10.0.0.0/8 or fd00::/8, separated by commas',
    ),
};

/** The settings above, as they are injected. */
export type WebhookSettings = z.infer<z.ZodObject<typeof webhookSettings>>;
