import { httpUrl } from '@past-tense/config';
import { httpSettings } from '@past-tense/service';
import { callbackSecrets } from '@past-tense/webhooks';
import type { z } from 'zod';

export const sandboxSettings = httpSettings(3009).extend({
  /** Whom the carrier tells of a delivery. */
  CARRIER_CALLBACK_URL: httpUrl(),
  /** What it signs that with. */
  CARRIER_CALLBACK_SECRET: callbackSecrets(),
});

export type SandboxSettings = z.infer<typeof sandboxSettings>;
