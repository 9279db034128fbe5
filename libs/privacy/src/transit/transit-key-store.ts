import { randomBytes } from 'node:crypto';
import { KeyBrokenError, KeyStoreUnavailableError, MasterKeyMissingError } from '../errors';
import { boundTo, type FoundKey, type KeyRef, type KeyStore } from '../key-store';
import { KEY_BYTES } from '../seal';
import type { VaultClient } from './vault-client';

/** What stands in the place of a key. */
type Entry = { readonly wrapped: string } | { readonly forgotten: true };
interface Stored {
  readonly entry: Entry;
  readonly version: number;
}
interface BatchResult {
  readonly plaintext?: string;
  readonly ciphertext?: string;
  readonly error?: string;
}

/** What the server says of a version of a master key that was given up or trimmed, and of one that it has not any more, as after a restore. */
const NO_SUCH_VERSION = /version is (disallowed|too new)/;

/** Keys of one listing that are looked at together. */
const CHUNK = 100;

/** Where people are noted who were forgotten, beside the folders of the readers; no service can be called so. */
const FORGOTTEN = '_forgotten';

/**
 * Data keys in a server with the API of Vault, such as OpenBao. Each is an entry of the key-value engine, wrapped by the transit engine with the
 * master key of its readers, which never leaves the server. Where somebody was forgotten, an entry without a key stands instead.
 */
export class TransitKeyStore implements KeyStore {
  /** @param mount path below which the engines `transit` and `data-keys` are mounted */
  constructor(
    private readonly vault: VaultClient,
    private readonly mount: string,
  ) {}

  /** One request for each key, because the API has none for several, and one for each set of readers. */
  async find(refs: readonly KeyRef[]): Promise<FoundKey[]> {
    const stored = await Promise.all(refs.map((ref) => this.#read(folderOf(ref.readers), ref.person)));
    const wrapped = refs.flatMap((ref, i) => {
      const entry = stored[i]?.entry;
      return entry && 'wrapped' in entry ? [{ ref, ciphertext: entry.wrapped }] : [];
    });
    const keys = await this.#unwrap(wrapped);
    return refs.map((ref, i) => (stored[i] && 'forgotten' in stored[i].entry ? 'forgotten' : keys.get(ref)));
  }

  async make(refs: readonly KeyRef[]): Promise<(Buffer | 'forgotten')[]> {
    const wrapped = await this.#wrap(refs.map((ref) => ({ ref, key: randomBytes(KEY_BYTES) })));
    await Promise.all(wrapped.map(({ ref, ciphertext }) => this.#create(folderOf(ref.readers), ref.person, { wrapped: ciphertext })));
    // Whoever was faster has made the key, or forgotten the person.
    return (await this.find(refs)).map((found, i) => found ?? impossible(refs[i]!));
  }

  /** The note comes first, so that readers who are added meanwhile learn of it (`addReaders`). */
  async forget(person: string): Promise<void> {
    await this.#overwrite(FORGOTTEN, person);
    await Promise.all((await this.folders()).map((folder) => this.#overwrite(folder, person)));
  }

  async rewrap(): Promise<number> {
    let renewed = 0;
    for (const folder of await this.folders()) {
      const { latest_version } = (await this.vault.call<{ latest_version: number }>('GET', `${this.mount}/transit/keys/${folder}`)).data;
      const people = await this.#list(folder);
      for (let from = 0; from < people.length; from += CHUNK)
        renewed += await this.#rewrapSome(folder, people.slice(from, from + CHUNK), `vault:v${latest_version}:`);
    }
    return renewed;
  }

  /**
   * Makes the master key for a set of readers, if there is none, and closes its folder to everybody who was forgotten before. Until it is done no
   * policy must let a service in.
   */
  async addReaders(readers: string): Promise<void> {
    const folder = folderOf(readers);
    await this.vault.call('POST', `${this.mount}/transit/keys/${folder}`, { type: 'aes256-gcm96', derived: true });
    const there = new Set(await this.#list(folder));
    const missing = (await this.#list(FORGOTTEN)).filter((person) => !there.has(person));
    await Promise.all(missing.map((person) => this.#overwrite(folder, person)));
  }

  /** Folders of the sets of readers, which bear the names of the master keys. */
  async folders(): Promise<string[]> {
    const { data } = await this.vault.call<{ keys: string[] } | undefined>('GET', `${this.mount}/transit/keys?list=true`, undefined, [404]);
    return data?.keys ?? [];
  }

  async #read(folder: string, person: string): Promise<Stored | undefined> {
    const path = this.#pathOf('data', folder, person);
    const { status, data } = await this.vault.call<{ data: Entry; metadata: { version: number } }>('GET', path, undefined, [404]);
    return status === 404 ? undefined : { entry: data.data, version: data.metadata.version };
  }

  /** Writes an entry if there is none. Readers may create and not change, so for them the server refuses (403) what it does not do for others (400). */
  async #create(folder: string, person: string, entry: Entry): Promise<void> {
    await this.vault.call('POST', this.#pathOf('data', folder, person), { data: entry, options: { cas: 0 } }, [400, 403]);
  }

  /**
   * Puts an entry without a key in the place of whatever is there, and destroys what was. From the first request on nobody finds the key and nobody
   * can put one there again, because they name the version that they replace.
   */
  async #overwrite(folder: string, person: string): Promise<void> {
    const { data } = await this.vault.call<{ version: number }>('POST', this.#pathOf('data', folder, person), {
      data: { forgotten: true },
    });
    const versions = Array.from({ length: data.version - 1 }, (_, i) => i + 1);
    if (versions.length > 0) await this.vault.call('PUT', this.#pathOf('destroy', folder, person), { versions });
  }

  async #list(folder: string): Promise<string[]> {
    const path = `${this.mount}/data-keys/metadata/${folder}?list=true`;
    const { data } = await this.vault.call<{ keys: string[] } | undefined>('GET', path, undefined, [404]);
    return data?.keys ?? [];
  }

  async #rewrapSome(folder: string, people: readonly string[], current: string): Promise<number> {
    const stored = await Promise.all(people.map(async (person) => ({ person, ...(await this.#read(folder, person)) })));
    const old = stored.flatMap(({ person, entry, version }) =>
      entry && 'wrapped' in entry && !entry.wrapped.startsWith(current)
        ? [{ ref: { person, readers: readersOf(folder) }, ciphertext: entry.wrapped, version }]
        : [],
    );
    const results = await this.#batch('rewrap', folder, old);
    const written = await Promise.all(
      old.map(async ({ ref, version }, i) => {
        const wrapped = results[i]!.ciphertext || broken(ref, results[i]!);
        const path = this.#pathOf('data', folder, ref.person);
        // 400: the person was forgotten meanwhile, or somebody else wraps keys anew.
        return (await this.vault.call('POST', path, { data: { wrapped }, options: { cas: version } }, [400])).status < 300;
      }),
    );
    return written.filter(Boolean).length;
  }

  async #wrap(keys: readonly { ref: KeyRef; key: Buffer }[]): Promise<{ ref: KeyRef; ciphertext: string }[]> {
    const wrapped = byFolder(keys).map(async ([folder, items]) => {
      const results = await this.#batch(
        'encrypt',
        folder,
        items.map(({ ref, key }) => ({ ref, plaintext: key.toString('base64') })),
      );
      return items.map(({ ref }, i) => ({ ref, ciphertext: results[i]!.ciphertext || broken(ref, results[i]!) }));
    });
    return (await Promise.all(wrapped)).flat();
  }

  async #unwrap(keys: readonly { ref: KeyRef; ciphertext: string }[]): Promise<Map<KeyRef, Buffer>> {
    const unwrapped = byFolder(keys).map(async ([folder, items]) => {
      const results = await this.#batch('decrypt', folder, items);
      return items.map(({ ref }, i) => [ref, Buffer.from(results[i]!.plaintext || broken(ref, results[i]!), 'base64')] as const);
    });
    return new Map((await Promise.all(unwrapped)).flat());
  }

  /**
   * Has the transit engine do something with several keys. What a key is bound to goes in as the context from which the engine derives what it
   * encrypts with, and not as associated data: it cannot rewrap what was encrypted with that.
   */
  async #batch(
    operation: 'encrypt' | 'decrypt' | 'rewrap',
    folder: string,
    items: readonly { readonly ref: KeyRef; readonly plaintext?: string; readonly ciphertext?: string }[],
  ): Promise<BatchResult[]> {
    if (items.length === 0) return [];
    const batch_input = items.map(({ ref, plaintext, ciphertext }) => ({ plaintext, ciphertext, context: contextOf(ref) }));
    const path = `${this.mount}/transit/${operation}/${folder}`;
    const { data, errors } = await this.vault.call<{ batch_results?: BatchResult[] } | undefined>('POST', path, { batch_input }, [400]);
    if (data?.batch_results) return data.batch_results;
    throw new KeyStoreUnavailableError(
      `The key store does not ${operation} keys with ${path} (${errors.join('; ')}); run npm run key-store.`,
    );
  }

  #pathOf(operation: 'data' | 'destroy', folder: string, person: string): string {
    return `${this.mount}/data-keys/${operation}/${folder}/${encodeURIComponent(person)}`;
  }
}

// A plus is not allowed in names of the transit engine, and a wildcard in policies.
export const folderOf = (readers: string) => readers.replaceAll('+', '.');
const readersOf = (folder: string) => folder.replaceAll('.', '+');

const contextOf = (ref: KeyRef) => Buffer.from(JSON.stringify(boundTo(ref))).toString('base64');

function byFolder<T extends { readonly ref: KeyRef }>(items: readonly T[]): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const folder = folderOf(item.ref.readers);
    groups.set(folder, [...(groups.get(folder) ?? []), item]);
  }
  return [...groups];
}

function broken(ref: KeyRef, { error = 'nothing' }: BatchResult): never {
  if (NO_SUCH_VERSION.test(error))
    throw new MasterKeyMissingError(folderOf(ref.readers), `the key store does not unwrap with (${error}); allow that version`);
  throw new KeyBrokenError(boundTo(ref), `is somebody else's (the key store says: ${error})`);
}

function impossible({ person, readers }: KeyRef): never {
  throw new Error(`The key store does not show the key of ${person} for ${readers} that it was just told to make; check its policies.`);
}
