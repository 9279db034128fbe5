/** A data key by whom it is about and who may read with it. */
export interface KeyRef {
  /** Id of the person. */
  readonly person: string;
  /** Services that may read, sorted and joined with `+`. */
  readonly readers: string;
}

/** A data key; `forgotten` if those of the person were destroyed; undefined if none was made. */
export type FoundKey = Buffer | 'forgotten' | undefined;

/**
 * Where data keys are kept. Who may find, make and destroy which is enforced there and not here.
 *
 * A store that is away throws an error that counts as an outage: nothing is wrong with what was asked.
 */
export interface KeyStore {
  /**
   * Finds keys, all at once.
   * @throws KeyBrokenError, MasterKeyMissingError if one is there and cannot be unwrapped
   */
  find(refs: readonly KeyRef[]): Promise<FoundKey[]>;

  /** Makes the keys that are missing, and returns all. Two that make the same one get the same. */
  make(refs: readonly KeyRef[]): Promise<(Buffer | 'forgotten')[]>;

  /** Destroys every key of a person, for good: none can be made again. Done again, it finishes what failed and changes nothing else. */
  forget(person: string): Promise<void>;

  /**
   * Wraps every key that is wrapped with an older master key with the current one. What is sealed with them stays as it is. Needs to see all keys.
   * @returns how many
   */
  rewrap(): Promise<number>;
}

/** What a key that is wrapped is bound to: it unwraps for nobody else. */
export const boundTo = ({ person, readers }: KeyRef): readonly string[] => [person, readers];
