import { randomBytes } from 'node:crypto';

const BYTES = 32;
const MAX_LIVE = 3;

/** A secret of a subscription, and until when it signs. */
export interface Secret {
  readonly secret: string;
  readonly createdAt: string;
  /** When it stops to sign; the newest one has no end. */
  readonly validUntil?: string;
}

/** A fresh secret, in the form Standard Webhooks has for symmetric keys: `whsec_` and base64. */
export function newSecret(now: Date): Secret {
  return { secret: `whsec_${randomBytes(BYTES).toString('base64')}`, createdAt: now.toISOString() };
}

/** The secrets that sign at a moment, the newest first. */
export function validSecrets(secrets: readonly Secret[], now: Date): readonly Secret[] {
  return secrets.filter(({ validUntil }) => validUntil === undefined || Date.parse(validUntil) > now.getTime());
}

/**
 * Puts a fresh secret before the others. Those sign along until the overlap is over; of many rotations in a row only the newest
 * three secrets stay, so that a signature header has a bounded length.
 * @param overlapMs how long the secret before it still signs, milliseconds
 */
export function rotated(secrets: readonly Secret[], overlapMs: number, now: Date): readonly [Secret, ...Secret[]] {
  const validUntil = new Date(now.getTime() + overlapMs).toISOString();
  const before = secrets.map((secret) => (secret.validUntil === undefined ? { ...secret, validUntil } : secret));
  return [newSecret(now), ...validSecrets(before, now).slice(0, MAX_LIVE - 1)];
}
