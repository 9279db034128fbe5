import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const LIBS = join(__dirname, '..', '..', 'libs');

/** The names of all libraries. A folder may be left of one that is no more. */
export const libraries: readonly string[] = readdirSync(LIBS).filter((name) => existsSync(join(LIBS, name, 'package.json')));

/** A library's README. */
export function readmeOf(library: string): string {
  return readFileSync(join(LIBS, library, 'README.md'), 'utf8');
}

/**
 * The program in a README.
 * @throws Error if there is none, or more than one
 */
export function exampleOf(library: string): string {
  const [example, ...more] = [...readmeOf(library).matchAll(/^```ts\n(.*?)^```$/gms)];
  if (!example || more.length > 0) throw new Error(`libs/${library}/README.md must hold one example, a block of ts.`);
  return example[1]!;
}

/**
 * What a README's tables with this heading of their first column say: the names there, each with the word that stands for it in the second
 * column.
 */
export function tableOf(library: string, heading: string): Map<string, string | undefined> {
  const tables = readmeOf(library).match(new RegExp(`^\\| ${heading} .*\\n(\\|.*\\n)+`, 'gm')) ?? [];
  const rows = tables.flatMap((table) => table.trim().split('\n').slice(2));
  return new Map(
    rows.flatMap((row) => {
      const [names, words] = row.slice(1).split(' | ').map(wordsOf);
      return names!.map((name, i): [string, string | undefined] => [name, words![i]]);
    }),
  );
}

/** What is separated by commas; in backticks there may be commas. */
function wordsOf(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`|[^,`]+/g)].map(([text, quoted]) => quoted ?? text.trim()).filter(Boolean);
}
