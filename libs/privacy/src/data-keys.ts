import { LRUCache } from 'lru-cache';
import { KeyBrokenError, KeyMissingError, PersonForgottenError } from './errors';
import type { FoundKey, KeyRef, KeyStore } from './key-store';

export interface DataKeysOptions {
  /** Keys in memory at most. */
  readonly cached?: number;
  /** Milliseconds for which a key stays in memory; so long after it was destroyed it may still open something. */
  readonly cachedMs?: number;
}

// What is wanted while so many look-ups are under way is looked up together after one of them: a key that is made waits for the disk, and ten keys wait
// for it once. One would let a look-up that is held up keep everybody.
const LOOK_UPS_AT_ONCE = 2;

interface Wanted {
  readonly ref: KeyRef;
  /** Whether it is to be made if there is none. */
  make: boolean;
  readonly waiting: { readonly resolve: (key: FoundKey) => void; readonly reject: (error: unknown) => void }[];
}

/**
 * The data keys that this process may use. What is wanted in the same turn of the event loop, such as the keys of a batch of events, or while others
 * are looked up, is looked up together.
 */
export class DataKeys {
  readonly #known: LRUCache<string, Buffer | 'forgotten'>;
  readonly #wanted = new Map<string, Wanted>();
  #lookUps = 0;

  constructor(
    private readonly store: KeyStore,
    { cached = 10_000, cachedMs = 5_000 }: DataKeysOptions = {},
  ) {
    this.#known = new LRUCache({ max: cached, ttl: cachedMs });
  }

  /**
   * The key to seal with; made if there is none.
   * @throws PersonForgottenError
   */
  async toSeal(ref: KeyRef): Promise<Buffer> {
    const key = await this.#get(ref, true);
    if (!Buffer.isBuffer(key)) throw new PersonForgottenError(ref.person);
    return key;
  }

  /**
   * The key to open with, or `forgotten`.
   * @throws KeyMissingError if there is none and nobody destroyed it
   */
  async toOpen(ref: KeyRef): Promise<Buffer | 'forgotten'> {
    return (await this.#get(ref, false)) ?? missing(ref);
  }

  /** Whether a person was forgotten; asks for a key that may not be there. */
  async isForgotten(ref: KeyRef): Promise<boolean> {
    return (await this.#get(ref, false)) === 'forgotten';
  }

  /** Destroys the keys of a person, in the store and here. */
  async forget(person: string): Promise<void> {
    await this.store.forget(person);
    for (const name of [...this.#known.keys()].filter((one) => one.endsWith(` ${person}`))) this.#known.delete(name);
  }

  async #get(ref: KeyRef, make: boolean): Promise<FoundKey> {
    const name = nameOf(ref);
    const known = this.#known.get(name);
    if (known) return known;
    return await new Promise<FoundKey>((resolve, reject) => {
      if (this.#wanted.size === 0 && this.#lookUps < LOOK_UPS_AT_ONCE) setImmediate(() => void this.#lookUpWanted());
      const wanted = this.#wanted.get(name) ?? { ref, make, waiting: [] };
      wanted.make ||= make;
      wanted.waiting.push({ resolve, reject });
      this.#wanted.set(name, wanted);
    });
  }

  async #lookUpWanted(): Promise<void> {
    this.#lookUps += 1;
    while (this.#wanted.size > 0) {
      const all = [...this.#wanted.values()];
      this.#wanted.clear();
      await this.#lookUp(all);
    }
    this.#lookUps -= 1;
  }

  /** Never throws: all who wait are told. */
  async #lookUp(all: readonly Wanted[]): Promise<void> {
    try {
      const found = await this.store.find(all.map(({ ref }) => ref));
      const missing = all.filter(({ make }, i) => make && found[i] === undefined);
      const made = missing.length > 0 ? await this.store.make(missing.map(({ ref }) => ref)) : [];
      for (const [i, wanted] of all.entries()) {
        const key = found[i] ?? made[missing.indexOf(wanted)];
        if (key) this.#known.set(nameOf(wanted.ref), key);
        for (const { resolve } of wanted.waiting) resolve(key);
      }
    } catch (error) {
      // One that is broken must not take others with it.
      if (error instanceof KeyBrokenError && all.length > 1) for (const wanted of all) await this.#lookUp([wanted]);
      else for (const { waiting } of all) for (const { reject } of waiting) reject(error);
    }
  }
}

const nameOf = ({ person, readers }: KeyRef) => `${readers} ${person}`;

function missing({ person, readers }: KeyRef): never {
  throw new KeyMissingError(person, readers);
}
