import type { Database, Transaction } from '@past-tense/database';
import type { EntityManager } from 'typeorm';
import { OBSTACLES } from './obstacles';
import { RebuildRefusal } from './refusal';
import { quoted } from './sql';

/** How much a table holds. */
export interface TableSize {
  readonly table: string;
  /** By PostgreSQL's estimate. */
  readonly rows: number;
  /** With its indexes. */
  readonly bytes: number;
}

interface MissingIndex {
  readonly name: string;
  readonly definition: string;
}

/** The schema in which the copy of a consumer's read model is filled. */
export function copySchemaOf(consumer: string): string {
  return `rebuild_${plain(consumer)}`;
}

/** The schema to which a rebuild moves the tables that it replaces. */
export function replacedSchemaOf(consumer: string, rebuildId: string): string {
  return `before_${plain(consumer)}_${rebuildId.slice(-12)}`;
}

// What filling itself writes to, and what the migrations fill.
const BOOKKEEPING = ['migrations', 'held_events', 'outbox_leases'];

const plain = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '_');

/** The tables of a read model: where they serve, and where a copy of them is filled. They are those of the service's entities. */
export class ReadModel {
  private constructor(
    readonly tables: readonly string[],
    readonly serving: string,
    readonly copy: string,
  ) {}

  /**
   * Finds out which tables a read model has.
   * @throws RebuildRefusal if an entity is no table of the schema that the service works in
   */
  static async of(database: Database, consumer: string): Promise<ReadModel> {
    const entities = database.entities.connection.entityMetadatas;
    const other = entities.find(
      ({ tableType, schema }) => schema !== undefined || !['regular', 'junction', 'closure-junction'].includes(tableType),
    );
    if (other)
      throw new RebuildRefusal(
        `The entity ${other.name} is a view, or names its schema; only tables that are found by their name alone can be rebuilt.`,
      );
    if (entities.length === 0) throw new RebuildRefusal(`${consumer} has no entities, so there is nothing to rebuild.`);
    const [found]: { schema: string }[] = await database.entities.query('SELECT current_schema() AS schema');
    return new ReadModel([...new Set(entities.map(({ tableName }) => tableName))].sort(), found!.schema, copySchemaOf(consumer));
  }

  /** The serving tables, as they stand in a statement. */
  get servingTables(): string {
    return this.tables.map((table) => `${quoted(this.serving)}.${quoted(table)}`).join(', ');
  }

  /** How much the serving tables hold. */
  async sizes(database: Database): Promise<TableSize[]> {
    const rows: { table: string; rows: string; bytes: string }[] = await database.entities.query(
      `SELECT relname AS table, greatest(reltuples, 0)::bigint AS rows, pg_total_relation_size(oid) AS bytes
       FROM pg_class WHERE relnamespace = quote_ident($1)::regnamespace AND relname = ANY($2) ORDER BY relname`,
      [this.serving, this.tables],
    );
    return rows.map(({ table, rows, bytes }) => ({ table, rows: Number(rows), bytes: Number(bytes) }));
  }

  /**
   * Checks that the tables can be exchanged without anybody noticing: what hangs on the serving ones would stay with them.
   * @throws RebuildRefusal naming everything that is in the way
   */
  async requireExchangeable(entities: EntityManager): Promise<void> {
    const rows: { obstacle: string }[] = await entities.query(OBSTACLES, [this.serving, this.copy, this.tables]);
    if (rows.length === 0) return;
    throw new RebuildRefusal(`The tables cannot be exchanged: ${rows.map(({ obstacle }) => obstacle).join('; ')}.`);
  }

  /**
   * Checks that the reactions have written to nothing but the tables that are exchanged: what they keep elsewhere would be lost with the copy.
   * @throws RebuildRefusal naming the table
   */
  async requireNothingElse(database: Database): Promise<void> {
    const others: { table: string }[] = await database.entities.query(
      `SELECT relname AS table FROM pg_class
       WHERE relnamespace = quote_ident($1)::regnamespace AND relkind = 'r' AND NOT relispartition AND relname <> ALL($2)`,
      [this.copy, [...this.tables, ...BOOKKEEPING]],
    );
    for (const { table } of others) {
      const rows: unknown[] = await database.entities.query(`SELECT 1 FROM ${quoted(this.copy)}.${quoted(table)} LIMIT 1`);
      if (rows.length > 0)
        throw new RebuildRefusal(
          `The reactions have written to ${table}, which no entity of the service names and so would not be exchanged; add an entity for it.`,
        );
    }
  }

  /** Makes the copy as fast to read as what serves: indexes that somebody has added there, and what the planner knows. */
  async prepare(database: Database): Promise<void> {
    await database.transaction(async ({ entities }) => {
      await entities.query('SET LOCAL statement_timeout = 0');
      const missing: MissingIndex[] = await entities.query(MISSING_INDEXES, [this.serving, this.copy, this.tables]);
      for (const { definition } of missing) await entities.query(definition);
      for (const table of this.tables) await entities.query(`ANALYZE ${quoted(this.copy)}.${quoted(table)}`);
    });
  }

  /**
   * Exchanges the tables in the given transaction: those that serve go to another schema, the copy's take their place and may be used by the same
   * users. Indexes and sequences go with their tables. What else is in the copy's schema is dropped.
   * @param replaced the schema for the tables that served
   */
  async exchange({ entities }: Transaction, replaced: string): Promise<void> {
    const grants: { grant: string }[] = await entities.query(GRANTS, [this.serving, this.copy, this.tables]);
    const owners: { table: string; owner: string }[] = await entities.query(OWNERS, [this.serving, this.tables]);
    for (const { grant } of grants) await entities.query(grant);
    await entities.query(`CREATE SCHEMA ${quoted(replaced)}`);
    for (const table of this.tables)
      await entities.query(`ALTER TABLE ${quoted(this.serving)}.${quoted(table)} SET SCHEMA ${quoted(replaced)}`);
    for (const table of this.tables)
      await entities.query(`ALTER TABLE ${quoted(this.copy)}.${quoted(table)} SET SCHEMA ${quoted(this.serving)}`);
    // Only there the owner of what served may make tables.
    for (const { table, owner } of owners) await entities.query(`ALTER TABLE ${quoted(this.serving)}.${quoted(table)} OWNER TO ${owner}`);
    await entities.query(`DROP SCHEMA ${quoted(this.copy)} CASCADE`);
  }
}

const OF_TABLES = `SELECT c.oid, c.relname FROM pg_class c WHERE c.relnamespace = quote_ident($1)::regnamespace AND c.relname = ANY($3)`;

/** Indexes of the serving tables that the copy has not: somebody has added them beside the migrations. */
const MISSING_INDEXES = `
  SELECT i.relname AS name, replace(pg_get_indexdef(i.oid), format(' ON %I.%I USING ', $1::text, t.relname), format(' ON %I.%I USING ', $2::text, t.relname)) AS definition
  FROM (${OF_TABLES}) AS t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid
  WHERE x.indisvalid AND NOT EXISTS (SELECT 1 FROM pg_class own WHERE own.relnamespace = quote_ident($2)::regnamespace AND own.relname = i.relname)`;

const OWNERS = `SELECT relname AS table, relowner::regrole::text AS owner FROM pg_class WHERE relnamespace = quote_ident($1)::regnamespace AND relname = ANY($2)`;

/** What gives the users of the serving tables, their columns and sequences the same rights to the copy's. */
const GRANTS = `
  WITH relations AS (
    SELECT t.oid, t.relname, 'TABLE' AS kind FROM (${OF_TABLES}) AS t
    UNION ALL
    SELECT s.oid, s.relname, 'SEQUENCE' FROM (${OF_TABLES}) AS t
      JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
      JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
  )
  SELECT format('GRANT %s ON %s %I.%I TO %s%s', acl.privilege_type, r.kind, $2::text, r.relname,
                CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END,
                CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS grant
  FROM relations r JOIN pg_class c ON c.oid = r.oid, aclexplode(c.relacl) AS acl WHERE acl.grantee <> c.relowner
  UNION ALL
  SELECT format('GRANT %s (%I) ON TABLE %I.%I TO %s%s', acl.privilege_type, a.attname, $2::text, r.relname,
                CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END,
                CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND NOT a.attisdropped, aclexplode(a.attacl) AS acl`;
