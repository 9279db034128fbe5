const TABLES = `
  serving AS (SELECT oid, relname, relkind, relrowsecurity, relowner FROM pg_class WHERE relnamespace = quote_ident($1)::regnamespace AND relname = ANY($3)),
  copy AS (SELECT oid, relname, relkind FROM pg_class WHERE relnamespace = quote_ident($2)::regnamespace AND relname = ANY($3))`;
const COLUMN = `a.attname AS name, format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END AS type`;
const COLUMNS_OF = (tables: string) =>
  `SELECT t.relname AS table, ${COLUMN} FROM ${tables} t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped`;
const CONSTRAINTS_OF = (tables: string) =>
  `SELECT t.relname, k.conname FROM ${tables} t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')`;

/**
 * Everything that keeps tables from being exchanged, in words. $1: the schema where they serve, $2: that of the copy, $3: their names. Whatever
 * PostgreSQL ties to a table itself and not to its name (a view, a foreign key, a publication) would stay with the table that is replaced.
 */
export const OBSTACLES = `
  WITH ${TABLES}
  SELECT format('there is no table %s in schema %s', name, CASE WHEN s.oid IS NULL THEN $1 ELSE $2 END) AS obstacle
  FROM unnest($3::text[]) AS name LEFT JOIN serving s ON s.relname = name LEFT JOIN copy c ON c.relname = name WHERE s.oid IS NULL OR c.oid IS NULL
  UNION ALL
  SELECT format('%s is partitioned or otherwise no plain table', relname) FROM serving WHERE relkind <> 'r'
  UNION ALL
  SELECT format('%s belongs to %s, and %s may not act as that user', relname, relowner::regrole, current_user)
  FROM serving WHERE NOT pg_has_role(relowner, 'USAGE')
  UNION ALL
  SELECT format('column %s of %s is %s where it serves and %s by the migrations', name, "table", coalesce(s.type, 'missing'), coalesce(c.type, 'missing'))
  FROM (${COLUMNS_OF('serving')}) AS s FULL JOIN (${COLUMNS_OF('copy')}) AS c USING ("table", name) WHERE s.type IS DISTINCT FROM c.type
  UNION ALL
  SELECT format('the migrations do not make constraint %s of %s', conname, relname)
  FROM (${CONSTRAINTS_OF('serving')} EXCEPT ${CONSTRAINTS_OF('copy')}) AS added
  UNION ALL
  SELECT DISTINCT format('%s reads %s and would go on reading what is replaced; drop it, and make it again afterwards', v.oid::regclass, s.relname)
  FROM serving s
  JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid AND d.classid = 'pg_rewrite'::regclass
  JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class
  UNION ALL
  SELECT format('%s refers to %s by the foreign key %s', k.conrelid::regclass, s.relname, k.conname)
  FROM serving s JOIN pg_constraint k ON k.confrelid = s.oid AND k.contype = 'f' WHERE k.conrelid NOT IN (SELECT oid FROM serving)
  UNION ALL
  SELECT format('%s refers to %s by the foreign key %s, and no entity names that', c.relname, k.confrelid::regclass, k.conname)
  FROM copy c JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'f' WHERE k.confrelid NOT IN (SELECT oid FROM copy)
  UNION ALL
  SELECT format('the migrations do not make trigger %s of %s', g.tgname, s.relname)
  FROM serving s JOIN copy c USING (relname) JOIN pg_trigger g ON g.tgrelid = s.oid AND NOT g.tgisinternal
  WHERE NOT EXISTS (SELECT 1 FROM pg_trigger own WHERE own.tgrelid = c.oid AND own.tgname = g.tgname)
  UNION ALL
  SELECT format('%s has row security, which would not be exchanged', relname) FROM serving
  WHERE relrowsecurity OR oid IN (SELECT polrelid FROM pg_policy)
  UNION ALL
  SELECT format('publication %s publishes %s', p.pubname, s.relname)
  FROM serving s JOIN pg_publication_rel r ON r.prrelid = s.oid JOIN pg_publication p ON p.oid = r.prpubid
  UNION ALL
  SELECT DISTINCT format('%s needs %s, which the migrations make and which would not be exchanged', pg_describe_object(d.classid, d.objid, d.objsubid),
                         pg_describe_object(d.refclassid, d.refobjid, 0))
  FROM pg_depend d LEFT JOIN pg_proc f ON d.refclassid = 'pg_proc'::regclass AND f.oid = d.refobjid
  LEFT JOIN pg_type y ON d.refclassid = 'pg_type'::regclass AND y.oid = d.refobjid
  WHERE (f.pronamespace = quote_ident($2)::regnamespace OR (y.typnamespace = quote_ident($2)::regnamespace AND y.typtype IN ('d', 'e', 'r')))
    AND d.classid IN ('pg_class'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_trigger'::regclass)`;
