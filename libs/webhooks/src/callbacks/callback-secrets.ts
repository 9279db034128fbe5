import { list } from '@past-tense/config';

const SECRET = /^whsec_[A-Za-z0-9+/]+={0,2}$/;
const MIN_BYTES = 24;
const MAX_BYTES = 64;

/**
 * A setting that holds the secrets of a sender of callbacks: `whsec_` and the base64 of 24 to 64 bytes, several separated by commas while
 * they are rotated.
 */
export const callbackSecrets = () =>
  list().refine(
    (secrets) => secrets.every(isSecret),
    'must be one or more secrets, separated by commas: whsec_ and the base64 of 24 to 64 bytes',
  );

function isSecret(text: string): boolean {
  const encoded = text.slice('whsec_'.length);
  const { length } = Buffer.from(encoded, 'base64');
  return SECRET.test(text) && encoded.length % 4 === 0 && length >= MIN_BYTES && length <= MAX_BYTES;
}
