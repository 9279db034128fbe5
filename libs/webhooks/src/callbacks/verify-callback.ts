import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { Webhook } from 'standardwebhooks';

/** What is wrong with a call, in one fixed sentence that is of no use to a forger. */
export const REFUSALS = {
  missing: 'The call must carry the headers webhook-id, webhook-timestamp and webhook-signature, each once and well-formed.',
  stale: 'The timestamp is not within five minutes of now.',
  forged: 'No signature of the call is right.',
} as const;
export type Refusal = keyof typeof REFUSALS;

const ID = /^[\x21-\x7e]{1,256}$/;
const TIMESTAMP = /^\d{1,12}$/;
// Room for ten signatures of version 1; nobody has to compare more.
const SIGNATURES = /^[\x20-\x7e]{1,1024}$/;
const TOLERANCE_S = 300;

/**
 * Verifies a signed call over the bytes that came (Standard Webhooks, "Verifying webhook authenticity").
 * @param secrets any of which may have signed
 * @param body the raw body
 * @returns why it is refused; undefined if it is good
 */
export function verifyCallback(secrets: readonly string[], headers: IncomingHttpHeaders, body: Buffer): Refusal | undefined {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signature = headers['webhook-signature'];
  if (typeof id !== 'string' || !ID.test(id)) return 'missing';
  if (typeof timestamp !== 'string' || !TIMESTAMP.test(timestamp)) return 'missing';
  if (typeof signature !== 'string' || !SIGNATURES.test(signature)) return 'missing';
  if (Math.abs(Math.floor(Date.now() / 1000) - Number(timestamp)) > TOLERANCE_S) return 'stale';
  // The library reads the body as text: bytes that are not UTF-8 would all look the same to it.
  if (!isUtf8(body)) return 'forged';
  const call = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
  return secrets.some((secret) => isSigned(secret, call, body)) ? undefined : 'forged';
}

function isSigned(secret: string, call: Record<string, string>, body: Buffer): boolean {
  try {
    new Webhook(secret).verify(body, call, { jsonParse: false });
    return true;
  } catch {
    return false;
  }
}
