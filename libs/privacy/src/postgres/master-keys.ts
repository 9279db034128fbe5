import { KeyUnusableError, MasterKeyMissingError } from '../errors';
import { decrypt, encrypt, KEY_BYTES } from '../seal';

/** A data key as the store keeps it. */
export interface WrappedKey {
  readonly wrapped: Buffer;
  /** Whose key it is; it unwraps for nobody else. */
  readonly bound: readonly string[];
}

const SEPARATOR = 0x3a; // A colon: `<id>:<sealed>`.

/** What data keys are wrapped with, so that whoever gets hold of the key store or a backup of it can read nothing. The first wraps, all unwrap. */
export class MasterKeys {
  readonly #keys: ReadonlyMap<string, Buffer>;
  readonly #current: string;

  /** @param keys by id, the current one first; each of 32 bytes */
  constructor(keys: ReadonlyMap<string, Buffer>) {
    const [current] = keys.keys();
    if (current === undefined || [...keys.values()].some((key) => key.length !== KEY_BYTES))
      throw new Error(`A master key has ${KEY_BYTES} bytes, and there must be at least one.`);
    this.#keys = keys;
    this.#current = current;
  }

  /** Wraps keys with the current master key. */
  wrap(keys: readonly { readonly key: Buffer; readonly bound: readonly string[] }[]): Buffer[] {
    const id = Buffer.from(`${this.#current}:`);
    return keys.map(({ key, bound }) => Buffer.concat([id, encrypt(this.#keys.get(this.#current)!, key, bound)]));
  }

  /**
   * Unwraps keys, whichever master key they were wrapped with.
   * @throws MasterKeyMissingError if that is not known any more; KeyUnusableError if one was altered or is somebody else's
   */
  unwrap(keys: readonly WrappedKey[]): Buffer[] {
    return keys.map(({ wrapped, bound }) => {
      const { id, sealed } = partsOf(wrapped);
      const master = this.#keys.get(id);
      if (!master) throw new MasterKeyMissingError(id);
      return unwrapped(master, sealed, bound);
    });
  }

  /** Whether a key was wrapped with the current master key. */
  isCurrent(wrapped: Buffer): boolean {
    return partsOf(wrapped).id === this.#current;
  }
}

function unwrapped(master: Buffer, sealed: Buffer, bound: readonly string[]): Buffer {
  try {
    return decrypt(master, sealed, bound);
  } catch (error) {
    const [person, readers] = bound as [string, string];
    throw new KeyUnusableError(person, readers, (error as Error).message);
  }
}

function partsOf(wrapped: Buffer): { id: string; sealed: Buffer } {
  const end = wrapped.indexOf(SEPARATOR);
  return { id: wrapped.subarray(0, end).toString(), sealed: wrapped.subarray(end + 1) };
}
