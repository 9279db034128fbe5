import { fromSealedText, isSealed, toSealedText } from '@past-tense/contracts';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { SealBrokenError } from './errors';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Bytes of a key. */
export const KEY_BYTES = 32;

/** Encrypts bytes. They open only with the same key and the same `bound`, so they cannot be passed off as something else. */
export function encrypt(key: Buffer, plain: Buffer, bound: readonly string[]): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES }).setAAD(associated(bound));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/**
 * The reverse of `encrypt`.
 * @throws Error if the key is another one, or anything was altered
 */
export function decrypt(key: Buffer, sealed: Buffer, bound: readonly string[]): Buffer {
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES }).setAAD(associated(bound));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}

/** Where a personal text belongs: whom it is about, what holds it (an event, a row) and its field there. */
export interface Place {
  readonly person: string;
  /** A name for what holds it that nothing else has, such as `order.v1.OrderPlaced/<event id>`. */
  readonly holder: string;
  readonly field: string;
}

/** Seals a text for one place. */
export function sealText(key: Buffer, text: string, place: Place): string {
  return toSealedText(encrypt(key, Buffer.from(text), boundTo(place)));
}

/**
 * Opens a text in its place. One that was written before personal data was sealed is not sealed, and stays as it is.
 * @throws SealBrokenError if it was altered or belongs elsewhere
 */
export function openText(key: Buffer, text: string, place: Place): string {
  if (!isSealed(text)) return text;
  const sealed = fromSealedText(text);
  if (!sealed) throw new SealBrokenError(place.field);
  try {
    return decrypt(key, sealed, boundTo(place)).toString();
  } catch {
    throw new SealBrokenError(place.field);
  }
}

const boundTo = ({ person, holder, field }: Place) => [person, holder, field];

/** JSON, so that no two lists of texts become the same bytes. */
const associated = (bound: readonly string[]) => Buffer.from(JSON.stringify(bound));
