// A personal text as it travels: a prefix with the version of the format, and base64url of a nonce (12 bytes), the text in AES-256-GCM and its tag
// (16 bytes). It is text in the field it stands for, so a sealed event is an event of the same schema, and one that was written before can be read.
const MARK = 'sealed.';
const PREFIX = `${MARK}v1.`;
const NONCE_AND_TAG_BYTES = 28;
const SEALED = new RegExp(`^${PREFIX.replaceAll('.', '\\.')}([A-Za-z0-9_-]{${Math.ceil((NONCE_AND_TAG_BYTES * 4) / 3)},})$`);

/** Writes sealed bytes as text. */
export function toSealedText(bytes: Buffer): string {
  return PREFIX + bytes.toString('base64url');
}

/** The sealed bytes in a text; undefined if there are none in it that could be opened. */
export function fromSealedText(text: string): Buffer | undefined {
  const [, encoded] = SEALED.exec(text) ?? [];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64url');
}

/**
 * Whether a text is sealed: only those who may read it know more of it than its length. One that was altered until nothing in it can be opened still is:
 * taken for plain text it would stand on a parcel.
 */
export function isSealed(text: unknown): boolean {
  return typeof text === 'string' && text.startsWith(MARK);
}
