import { Problem } from '@past-tense/service';
import { createHash } from 'node:crypto';

// RFC 8941, 3.3.3, without the space: a key is an id, not a text.
const QUOTED = /^"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;
const BARE = /^[\x21\x23-\x7e]*$/;
const MAX_LENGTH = 255;

/** Both ways to write a key, as one pattern for the API documentation. */
export const IDEMPOTENCY_KEY = `^(?:[!#-~]{1,${MAX_LENGTH}}|"(?:[!#-\\[\\]-~]|\\\\["\\\\]){1,${MAX_LENGTH}}")$`;

/**
 * The key that a header `Idempotency-Key` holds: a string as RFC 8941 writes it, or the same without quotes.
 * @throws Problem 400 if it holds none
 */
export function parseIdempotencyKey(header: string): string {
  const given = header.trim();
  const key = QUOTED.exec(given)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? (BARE.test(given) ? given : '');
  if (key.length >= 1 && key.length <= MAX_LENGTH) return key;
  throw new Problem(
    400,
    'invalid-idempotency-key',
    'The Idempotency-Key is not valid',
    `Idempotency-Key must be 1 to ${MAX_LENGTH} visible ASCII characters, such as "8e03978e-40d5-43dd-bc93-6894a57f9324", and be sent once.`,
  );
}

/** Fingerprint of a request: equal for equal JSON, however it is written. SHA-256. */
export function fingerprintOf({ method, path, body }: { method: string; path: string; body: unknown }): Buffer {
  return hashOf([method.toUpperCase(), path, body]);
}

/** SHA-256 of a JSON value; white space and the order of keys do not matter. */
export function hashOf(value: unknown): Buffer {
  return createHash('sha256').update(canonical(value)).digest();
}

/** JSON with sorted keys. What JSON does not know is left out or null, as JSON.stringify does it. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part) ? sorted(part as Record<string, unknown>) : part,
  );
}

function sorted(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}
