import { Webhook } from 'standardwebhooks';

/** The three headers of a signed call. */
export interface CallbackHeaders {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/**
 * Signs a call (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
 * @param secrets `whsec_…`; with several, one signature each, so that a receiver may know any of them
 * @param id the same for every attempt of one call
 * @param timestamp of this attempt
 * @param body exactly as it is sent
 * @throws Error if a secret is not `whsec_` and base64
 */
export function signCallback(secrets: string | readonly [string, ...string[]], id: string, timestamp: Date, body: string): CallbackHeaders {
  const signatures = [secrets].flat().map((secret) => new Webhook(secret).sign(id, timestamp, body));
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(timestamp.getTime() / 1000)),
    'webhook-signature': signatures.join(' '),
  };
}
