import type { Database } from '@past-tense/database';
import type { KeyPermissions } from '../key-permissions';

/**
 * Grants the services what the contracts say, and takes from all others what they had. Their roles bear their names. Needs the owner of the database.
 * @returns the roles that are missing, which were left out
 */
export async function grantPermissions(database: Database, { sealers, users }: KeyPermissions): Promise<string[]> {
  return await database.transaction(async ({ entities }) => {
    const roles = await entities.query<{ rolname: string }[]>('SELECT rolname FROM pg_roles WHERE rolname = ANY ($1)', [users]);
    const there = new Set(roles.map(({ rolname }) => rolname));
    const [{ database: name }] = await entities.query<[{ database: string }]>('SELECT quote_ident(current_database()) AS database');
    const granted = await entities.query<{ role: string }[]>(
      `SELECT DISTINCT quote_ident(grantee) AS role FROM information_schema.role_table_grants
       WHERE table_name = 'data_keys' AND grantee NOT IN (current_user, 'PUBLIC')`,
    );
    for (const { role } of granted) {
      await entities.query(`REVOKE ALL ON data_keys, forgotten_people, sealers, master_key_checks FROM ${role}`);
      await entities.query(`REVOKE CONNECT ON DATABASE ${name} FROM ${role}`);
    }
    await entities.query('DELETE FROM sealers');
    for (const user of users.filter((one) => there.has(one))) {
      const role = `"${user}"`; // A name of the contracts: lower-case letters and dashes.
      await entities.query(`GRANT CONNECT ON DATABASE ${name} TO ${role}`);
      await entities.query(`GRANT USAGE ON SCHEMA public TO ${role}`);
      await entities.query(`GRANT SELECT, INSERT ON data_keys, master_key_checks TO ${role}`);
      await entities.query(`GRANT SELECT ON forgotten_people, sealers TO ${role}`);
      if (!sealers.includes(user)) continue;
      await entities.query(`GRANT DELETE ON data_keys TO ${role}`);
      await entities.query(`GRANT INSERT ON forgotten_people TO ${role}`);
      await entities.query('INSERT INTO sealers (role) VALUES ($1)', [user]);
    }
    return users.filter((user) => !there.has(user));
  });
}
