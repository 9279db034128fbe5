import type { Database } from '@past-tense/database';
import type { EntityManager } from 'typeorm';
import type { ReadModel } from './read-model';
import { quoted } from './sql';

/** A row that is not the same in both. */
export interface RowDifference {
  /** Its primary key; the whole row where a table has none. */
  readonly key: Readonly<Record<string, unknown>>;
  readonly in: 'serving' | 'copy' | 'both';
  /** Columns that differ, where it is in both. */
  readonly columns: readonly string[];
}

/** What comparing a table with its copy came to. */
export interface TableComparison {
  readonly table: string;
  readonly servingRows: number;
  readonly copyRows: number;
  readonly equal: boolean;
  /** Rows that are only in the serving table, only in the copy, or in both and not the same. */
  readonly onlyServing: number;
  readonly onlyCopy: number;
  readonly different: number;
  /** Some of them. */
  readonly samples: readonly RowDifference[];
}

interface Total {
  readonly rows: string;
  /** Sum over a hash of each row, so the order of the rows makes no difference and a row that is there twice counts twice. */
  readonly checksum: string | null;
}

const SAMPLES = 10;

/**
 * Compares each serving table with its copy, row by row and column by column; by their names, for their order may differ. Neither may change meanwhile.
 * @param serving the transaction that holds the serving tables
 */
export async function compareTables(model: ReadModel, serving: EntityManager, copy: Database): Promise<TableComparison[]> {
  const comparisons: TableComparison[] = [];
  for (const table of model.tables) {
    const columns = await columnsOf(serving, model.serving, table);
    // Side by side: each is one long statement.
    const [is, would] = await Promise.all([
      totalOf(serving, model.serving, table, columns),
      copy.transaction(async ({ entities }) => {
        await entities.query('SET LOCAL statement_timeout = 0');
        return await totalOf(entities, model.copy, table, columns);
      }),
    ]);
    const equal = is.rows === would.rows && is.checksum === would.checksum;
    const differences = equal ? NONE : await differencesOf(model, serving, table, columns);
    comparisons.push({ table, servingRows: Number(is.rows), copyRows: Number(would.rows), equal, ...differences });
  }
  return comparisons;
}

const NONE = { onlyServing: 0, onlyCopy: 0, different: 0, samples: [] };

async function columnsOf(entities: EntityManager, schema: string, table: string): Promise<string[]> {
  const rows: { name: string }[] = await entities.query(
    `SELECT a.attname AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.relnamespace = quote_ident($1)::regnamespace AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname`,
    [schema, table],
  );
  return rows.map(({ name }) => name);
}

async function totalOf(entities: EntityManager, schema: string, table: string, columns: readonly string[]): Promise<Total> {
  const [total]: Total[] = await entities.query(
    `SELECT count(*) AS rows, sum(hashtextextended(${textOf('t', columns)}, 0)) AS checksum FROM ${quoted(schema)}.${quoted(table)} AS t`,
  );
  return total!;
}

async function differencesOf(model: ReadModel, entities: EntityManager, table: string, columns: readonly string[]) {
  const key = await keyOf(entities, model.serving, table);
  const by =
    key.length > 0
      ? key.map((name) => `s.${quoted(name)} = c.${quoted(name)}`).join(' AND ')
      : `${textOf('s', columns)} = ${textOf('c', columns)}`;
  const both = `FROM ${quoted(model.serving)}.${quoted(table)} AS s FULL JOIN ${quoted(model.copy)}.${quoted(table)} AS c ON ${by}`;
  // A row that is missing has no table.
  const differs = `(s.tableoid IS NULL OR c.tableoid IS NULL OR ${textOf('s', columns)} <> ${textOf('c', columns)})`;
  const [counts]: Record<'onlyServing' | 'onlyCopy' | 'different', string>[] = await entities.query(
    `SELECT count(*) FILTER (WHERE c.tableoid IS NULL) AS "onlyServing", count(*) FILTER (WHERE s.tableoid IS NULL) AS "onlyCopy",
            count(*) FILTER (WHERE s.tableoid IS NOT NULL AND c.tableoid IS NOT NULL) AS different ${both} WHERE ${differs}`,
  );
  const rows: { serving: Record<string, unknown> | null; copy: Record<string, unknown> | null }[] = await entities.query(
    `SELECT CASE WHEN s.tableoid IS NOT NULL THEN to_jsonb(s) END AS serving, CASE WHEN c.tableoid IS NOT NULL THEN to_jsonb(c) END AS copy
     ${both} WHERE ${differs} LIMIT ${SAMPLES}`,
  );
  return {
    onlyServing: Number(counts!.onlyServing),
    onlyCopy: Number(counts!.onlyCopy),
    different: Number(counts!.different),
    samples: rows.map(({ serving, copy }): RowDifference => {
      const row = serving ?? copy!;
      const both = serving !== null && copy !== null;
      return {
        key: Object.fromEntries((key.length > 0 ? key : columns).map((name) => [name, row[name]])),
        in: both ? 'both' : serving ? 'serving' : 'copy',
        columns: both ? columns.filter((name) => JSON.stringify(serving[name]) !== JSON.stringify(copy[name])) : [],
      };
    }),
  };
}

/** A row as one text, its columns in the order of their names. */
function textOf(row: string, columns: readonly string[]): string {
  return `ROW(${columns.map((name) => `${row}.${quoted(name)}`).join(', ')})::text`;
}

async function keyOf(entities: EntityManager, schema: string, table: string): Promise<string[]> {
  const rows: { name: string }[] = await entities.query(
    `SELECT a.attname AS name FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(x.indkey)
     WHERE c.relnamespace = quote_ident($1)::regnamespace AND c.relname = $2 AND x.indisprimary ORDER BY a.attname`,
    [schema, table],
  );
  return rows.map(({ name }) => name);
}
