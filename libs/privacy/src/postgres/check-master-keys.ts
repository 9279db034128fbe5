import { ConfigurationError } from '@past-tense/config';
import type { Database } from '@past-tense/database';
import { boundTo } from '../key-store';
import type { MasterKeys } from './master-keys';

const all = { name: 'master-key-checks', text: 'SELECT id, check_value FROM master_key_checks WHERE id = ANY ($1)' };
const note = {
  name: 'master-key-note',
  text: 'INSERT INTO master_key_checks (id, check_value) VALUES ($1, $2) ON CONFLICT DO NOTHING',
};
// Several, because one of them may have been altered.
const wrappedWith = {
  name: 'data-keys-wrapped-with',
  text: 'SELECT person, readers, wrapped FROM data_keys WHERE substring(wrapped FROM 1 FOR length($1::bytea)) = $1 LIMIT 10',
};

/**
 * Makes sure that the key store knows each master key by its id as the same bytes, so that a wrong one is refused before anything is wrapped with it.
 * Whoever uses an id first notes its check value; data keys that were wrapped with it before must unwrap.
 * @throws ConfigurationError that names the id
 */
export async function checkMasterKeys(database: Database, masters: MasterKeys): Promise<void> {
  const known = await compare(database, masters);
  const unknown = masters.ids.filter((id) => !known.has(id));
  for (const id of unknown) await compareWithDataKeys(database, masters, id);
  for (const id of unknown) await database.query(note, [id, masters.checkValue(id)]);
  // Another process may have been first, with other bytes.
  if (unknown.length > 0) await compare(database, masters);
}

/** @returns the ids that are known */
async function compare(database: Database, masters: MasterKeys): Promise<Set<string>> {
  const rows = await database.query<{ id: string; check_value: Buffer }>(all, [masters.ids]);
  for (const { id, check_value } of rows) if (!masters.isCheckValue(id, check_value)) refuse(id);
  return new Set(rows.map(({ id }) => id));
}

async function compareWithDataKeys(database: Database, masters: MasterKeys, id: string): Promise<void> {
  const rows = await database.transaction(async (transaction) => {
    // No index has the ids, and where nothing is wrapped with this one every key is looked at: once, when the id is new.
    await transaction.entities.query('SET LOCAL statement_timeout = 0');
    return await transaction.query<{ person: string; readers: string; wrapped: Buffer }>(wrappedWith, [Buffer.from(`${id}:`)]);
  });
  const unwraps = rows.map((row) => masters.doesUnwrap({ wrapped: row.wrapped, bound: boundTo(row) }));
  if (unwraps.length > 0 && !unwraps.includes(true)) refuse(id);
}

function refuse(id: string): never {
  throw new ConfigurationError(
    `MASTER_KEYS holds another key under the id "${id}" than the one that the key store knows by it; put that one back, or give the new key an id of its own, in front of the old one.`,
  );
}
