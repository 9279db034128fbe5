import { httpUrl, wholeNumber } from '@past-tense/config';
import { messagingSettings } from '@past-tense/service';
import type { z } from 'zod';

export const paymentsSettings = messagingSettings(3002).extend({
  PAYMENT_PROVIDER_URL: httpUrl(),
  PAYMENT_PROVIDER_TIMEOUT_MS: wholeNumber(3_000, { min: 50, max: 60_000 }),
});

export type PaymentsSettings = z.infer<typeof paymentsSettings>;
