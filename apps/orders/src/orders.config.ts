import { flag, wholeNumber } from '@past-tense/config';
import { jobsSettings } from '@past-tense/jobs';
import { messagingSettings } from '@past-tense/service';
import { webhookSettings } from '@past-tense/webhooks';
import { X509Certificate } from 'node:crypto';
import { z } from 'zod';

export const ordersSettings = messagingSettings(3001).extend({
  ...jobsSettings,
  ...webhookSettings,
  /** Where shipping answers commands. */
  SHIPPING_COMMANDS_ADDRESS: z.string().regex(/^[\w.-]+:\d{1,5}$/, 'must be host:port'),
  /** Whether shipping is reached over TLS, with a certificate that Node trusts. */
  SHIPPING_COMMANDS_TLS: flag(false),
  /** Certificates in PEM that shipping's certificate must come from; then it is reached over TLS in any case. */
  SHIPPING_COMMANDS_CA: z.string().refine(isCertificate, 'must be a certificate in PEM').optional(),
  SHIPPING_COMMANDS_TIMEOUT_MS: wholeNumber(3_000, { min: 50, max: 10_000 }),
  /** Milliseconds for which a command is sent again as long as nobody answers. */
  COMMAND_EXPIRY_MS: wholeNumber(600_000, { min: 100, max: 86_400_000 }),
  /** What the issuer calls orders; shipping must know it, see COMMAND_CALLERS there. */
  ORDERS_CLIENT_ID: z.string().min(1).default('orders'),
  /** The secret with which the issuer gives orders a token of its own. */
  ORDERS_CLIENT_SECRET: z.string().min(16, 'must have at least 16 characters'),
});

export type OrdersSettings = z.infer<typeof ordersSettings>;

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0;
  } catch {
    return false;
  }
}
