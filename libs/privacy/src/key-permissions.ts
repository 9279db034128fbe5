import { allTopics, personalFieldsOf } from '@past-tense/contracts';

/** What the contracts let each service do with data keys; a service that is not named here does not get in. */
export interface KeyPermissions {
  /** Producers of events with personal fields: they make keys for others, and forget. */
  readonly sealers: readonly string[];
  /** Those and the readers, who see and make the keys that they read with. */
  readonly users: readonly string[];
  /** Sets of readers for which there are keys, as a `KeyRef` names them: those of the fields, and each user for what it keeps itself. */
  readonly readers: readonly string[];
}

/** Who needs data keys, by the contracts. */
export function keyPermissions(): KeyPermissions {
  const personal = allTopics().filter(({ event }) => personalFieldsOf(event).length > 0);
  const sealers = [...new Set(personal.map(({ producer }) => producer))].sort();
  const fields = personal.flatMap(({ event }) => personalFieldsOf(event));
  const users = [...new Set([...sealers, ...fields.flatMap(({ readers }) => readers)])].sort();
  return { sealers, users, readers: [...new Set([...users, ...fields.map(({ readers }) => readers.join('+'))])].sort() };
}
