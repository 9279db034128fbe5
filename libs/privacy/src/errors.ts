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

/** A data key does not unwrap, although its master key is there. That says something about the key, and nothing about others or about the event. */
export class KeyBrokenError extends Error {
  override name = 'KeyBrokenError';
  /** @param reason what it may be besides that the key was altered */
  constructor([person, readers]: readonly string[], reason: string) {
    super(
      `the data key of ${person} for ${readers} does not unwrap: it was altered, or ${reason}; restore what is wrong, then send the event back`,
    );
  }
}

/** The master key that wraps a data key is not there: nothing is wrong with the event, so it waits until that is mended. */
export class MasterKeyMissingError extends Error {
  override name = 'MasterKeyMissingError';
  readonly failure = 'unavailable';
  /** @param remedy what does not hold it, and what to do */
  constructor(id: string, remedy: string) {
    super(`a data key is wrapped with the master key "${id}", which ${remedy}`);
  }
}

/** The key store does not serve: it is away, sealed or too slow, or does not accept who asks. */
export class KeyStoreUnavailableError extends Error {
  override name = 'KeyStoreUnavailableError';
  /** Tells a consumer that the event is not at fault. */
  readonly failure = 'unavailable';
}
