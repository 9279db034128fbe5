import { KeyBrokenError, MasterKeyMissingError } from '../errors';
import { decrypt, encrypt, KEY_BYTES } from '../seal';

/** A data key as the store keeps it. */
export interface WrappedKey {
  readonly wrapped: Buffer;
  /** Whose key it is, the person and the readers; it unwraps for nobody else. */
  readonly bound: readonly string[];
}

const ID = /^[\w-]{1,64}$/;
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
   * @throws MasterKeyMissingError if that is not known any more; KeyBrokenError if one was altered or is somebody else's
   */
  unwrap(keys: readonly WrappedKey[]): Buffer[] {
    return keys.map(({ wrapped, bound }) => {
      const { id, sealed } = partsOf(wrapped);
      const master = this.#keys.get(id);
      if (!ID.test(id)) throw new KeyBrokenError(bound, 'it is none');
      if (!master) throw new MasterKeyMissingError(id, 'MASTER_KEYS does not hold; add it there, behind the current one');
      try {
        return decrypt(master, sealed, bound);
      } catch {
        throw new KeyBrokenError(bound, `MASTER_KEYS holds another key under the id "${id}"`);
      }
    });
  }

  /** Whether a key unwraps. */
  doesUnwrap(key: WrappedKey): boolean {
    try {
      this.unwrap([key]);
      return true;
    } catch {
      return false;
    }
  }

  /** By which the key store knows them. */
  get ids(): readonly string[] {
    return [...this.#keys.keys()];
  }

  /** What tells later whether a master key is still the same, and nothing else about it: no bytes, encrypted with it. */
  checkValue(id: string): Buffer {
    return encrypt(this.#keys.get(id)!, Buffer.alloc(0), [id]);
  }

  /** Whether a check value was made with the master key that has this id here. */
  isCheckValue(id: string, value: Buffer): boolean {
    try {
      decrypt(this.#keys.get(id)!, value, [id]);
      return true;
    } catch {
      return false;
    }
  }

  /** Whether a key was wrapped with the current master key. */
  isCurrent(wrapped: Buffer): boolean {
    return partsOf(wrapped).id === this.#current;
  }
}

function partsOf(wrapped: Buffer): { id: string; sealed: Buffer } {
  const end = wrapped.indexOf(SEPARATOR);
  return { id: wrapped.subarray(0, end).toString(), sealed: wrapped.subarray(end + 1) };
}
