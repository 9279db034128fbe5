import type { Database, Transaction } from '@past-tense/database';
import { randomBytes } from 'node:crypto';
import { boundTo, type FoundKey, type KeyRef, type KeyStore } from '../key-store';
import { checkMasterKeys } from './check-master-keys';
import type { MasterKeys } from './master-keys';
import { KEY_BYTES } from '../seal';

interface KeyRow {
  readonly person: string;
  readonly readers: string;
  readonly wrapped: Buffer;
}

/** Some keys looked at: how many were wrapped anew, and the last of them, if there was any. */
interface Step {
  readonly renewed: number;
  readonly last: KeyRef | undefined;
}

const find = {
  name: 'data-keys-find',
  text: `SELECT keys.wrapped, forgotten.person IS NOT NULL AS forgotten
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (person, readers, position)
         LEFT JOIN data_keys AS keys ON keys.person = wanted.person AND keys.readers = wanted.readers
         LEFT JOIN forgotten_people AS forgotten ON forgotten.person = wanted.person
         ORDER BY position`,
};
// Forgetting somebody and making keys of theirs wait for each other; otherwise a key could be made just behind the back of the one who destroys them.
const lockShared = {
  name: 'person-lock-shared',
  text: 'SELECT pg_advisory_xact_lock_shared(hashtextextended(person, 0)) FROM unnest($1::text[]) AS person',
};
const lock = { name: 'person-lock', text: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))' };
const make = {
  name: 'data-keys-make',
  text: `INSERT INTO data_keys (person, readers, wrapped)
         SELECT wanted.* FROM unnest($1::text[], $2::text[], $3::bytea[]) AS wanted (person, readers, wrapped)
         WHERE NOT EXISTS (SELECT 1 FROM forgotten_people WHERE forgotten_people.person = wanted.person)
         ON CONFLICT DO NOTHING`,
};
const noteForgotten = { name: 'people-forget', text: 'INSERT INTO forgotten_people (person) VALUES ($1) ON CONFLICT DO NOTHING' };
const destroy = { name: 'data-keys-destroy', text: 'DELETE FROM data_keys WHERE person = $1' };
const next = {
  name: 'data-keys-next',
  text: `SELECT person, readers, wrapped FROM data_keys WHERE (person, readers) > ($1, $2) ORDER BY person, readers LIMIT 500 FOR UPDATE`,
};
const replace = {
  name: 'data-keys-replace',
  text: `UPDATE data_keys SET wrapped = renewed.wrapped FROM unnest($1::text[], $2::text[], $3::bytea[]) AS renewed (person, readers, wrapped)
         WHERE data_keys.person = renewed.person AND data_keys.readers = renewed.readers`,
};

/** Data keys in a PostgreSQL database of their own, each wrapped with the master key. */
export class PostgresKeyStore implements KeyStore {
  constructor(
    private readonly database: Database,
    private readonly masters: MasterKeys,
  ) {}

  async find(refs: readonly KeyRef[]): Promise<FoundKey[]> {
    const rows = await this.database.query<{ wrapped: Buffer | null; forgotten: boolean }>(find, columnsOf(refs));
    return this.#unwrapped(refs, rows);
  }

  async make(refs: readonly KeyRef[]): Promise<(Buffer | 'forgotten')[]> {
    const keys = refs.map((ref) => ({ key: randomBytes(KEY_BYTES), bound: boundTo(ref) }));
    const wrapped = this.masters.wrap(keys);
    const rows = await this.database.transaction(async (transaction) => {
      const [people, readers] = columnsOf(refs);
      await transaction.defer(lockShared, [[...new Set(people)].sort()]);
      await transaction.defer(make, [people, readers, wrapped]);
      return await transaction.query<{ wrapped: Buffer | null; forgotten: boolean }>(find, [people, readers]);
    });
    return this.#unwrapped(refs, rows).map((found, i) => found ?? impossible(refs[i]!));
  }

  async forget(person: string): Promise<void> {
    await this.database.transaction(async (transaction) => {
      await transaction.query(lock, [person]);
      await transaction.query(noteForgotten, [person]);
      await transaction.query(destroy, [person]);
    });
  }

  /** 500 at a time. Needs a role that sees all keys. Throws ConfigurationError if a master key is not the one that is known by its id. */
  async rewrap(): Promise<number> {
    await checkMasterKeys(this.database, this.masters);
    let renewed = 0;
    let last: KeyRef | undefined = { person: '', readers: '' };
    while (last) {
      const { person, readers }: KeyRef = last;
      const step: Step = await this.database.transaction((transaction) => this.#rewrapSome(transaction, [person, readers]));
      renewed += step.renewed;
      last = step.last;
    }
    return renewed;
  }

  async #rewrapSome(transaction: Transaction, after: readonly [string, string]): Promise<Step> {
    const rows = await transaction.query<KeyRow>(next, after);
    const last = rows.at(-1);
    if (!last) return { renewed: 0, last };
    const old = rows.filter(({ wrapped }) => !this.masters.isCurrent(wrapped));
    if (old.length > 0) {
      const keys = this.masters.unwrap(old.map((row) => ({ wrapped: row.wrapped, bound: boundTo(row) })));
      const wrapped = this.masters.wrap(keys.map((key, i) => ({ key, bound: boundTo(old[i]!) })));
      await transaction.query(replace, [...columnsOf(old), wrapped]);
    }
    return { renewed: old.length, last };
  }

  #unwrapped(refs: readonly KeyRef[], rows: readonly { wrapped: Buffer | null; forgotten: boolean }[]): FoundKey[] {
    const readable = rows.flatMap(({ wrapped, forgotten }, i) => (wrapped && !forgotten ? [{ wrapped, bound: boundTo(refs[i]!) }] : []));
    const keys = readable.length > 0 ? this.masters.unwrap(readable) : [];
    return rows.map(({ wrapped, forgotten }) => (forgotten ? 'forgotten' : wrapped ? keys.shift() : undefined));
  }
}

const columnsOf = (refs: readonly KeyRef[]): [string[], string[]] => [refs.map(({ person }) => person), refs.map(({ readers }) => readers)];

function impossible({ person, readers }: KeyRef): never {
  throw new Error(`The key store does not show the key of ${person} for ${readers} that it was just told to make; check its permissions.`);
}
