import { httpUrl, wholeNumber } from '@past-tense/config';
import { commandServerSettings, messagingSettings } from '@past-tense/service';
import { callbackSecrets } from '@past-tense/webhooks';
import type { z } from 'zod';

export const shippingSettings = messagingSettings(3003).extend({
  ...commandServerSettings(3103),
  CARRIER_URL: httpUrl(),
  /** What the carrier signs its callbacks with; several, separated by commas, while it changes. */
  CARRIER_CALLBACK_SECRET: callbackSecrets(),
  CARRIER_TIMEOUT_MS: wholeNumber(3_000, { min: 50, max: 60_000 }),
});

export type ShippingSettings = z.infer<typeof shippingSettings>;
