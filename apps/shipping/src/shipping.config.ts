import { httpUrl, wholeNumber } from '@past-tense/config';
import { messagingSettings } from '@past-tense/service';
import type { z } from 'zod';

export const shippingSettings = messagingSettings(3003).extend({
  CARRIER_URL: httpUrl(),
  CARRIER_TIMEOUT_MS: wholeNumber(3_000, { min: 50, max: 60_000 }),
});

export type ShippingSettings = z.infer<typeof shippingSettings>;
