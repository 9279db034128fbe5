/** The person was forgotten: nothing about them can be sealed any more. */
export class PersonForgottenError extends Error {
  override name = 'PersonForgottenError';
  constructor(readonly person: string) {
    super(`${person} was forgotten, so nothing personal is kept about them any more; they need a new id to come back`);
  }
}

/** There is no key for what is sealed, and the person was not forgotten: the key store is another one, or does not let this service read. */
export class KeyMissingError extends Error {
  override name = 'KeyMissingError';
  constructor(person: string, readers: string) {
    super(
      `the key store has no key of ${person} for ${readers} and says nothing of a person forgotten; check KEY_STORE_URL and the role in it, then send the event back`,
    );
  }
}

/** What is sealed was altered, moved from elsewhere or sealed with another key. It never opens. */
export class SealBrokenError extends Error {
  override name = 'SealBrokenError';
  readonly failure = 'invalid';
  constructor(field: string) {
    super(`${field} is sealed and does not open: it was altered, or comes from another event or person`);
  }
}

/** The master key that wraps a data key is none of those that are configured. */
export class MasterKeyMissingError extends Error {
  override name = 'MasterKeyMissingError';
  constructor(id: string) {
    super(`a data key is wrapped with the master key "${id}", which MASTER_KEYS does not hold; add it there, behind the current one`);
  }
}

/** A data key is there and does not unwrap: it was altered, is somebody else's, or was wrapped with a master key that is gone. */
export class KeyUnusableError extends Error {
  override name = 'KeyUnusableError';
  constructor(person: string, readers: string, reason: string) {
    super(
      `the key of ${person} for ${readers} does not unwrap (${reason}): it was altered, is somebody else's, or its master key is gone; restore it in the key store, then send the event back`,
    );
  }
}

/** The key store does not serve: it is away, sealed or too slow, or does not accept who asks. */
export class KeyStoreUnavailableError extends Error {
  override name = 'KeyStoreUnavailableError';
  /** Tells a consumer that the event is not at fault. */
  readonly failure = 'unavailable';
}
