import type { Options } from 'prettier';
import * as babel from 'prettier/plugins/babel';
import * as estree from 'prettier/plugins/estree';
import * as markdown from 'prettier/plugins/markdown';
import { format } from 'prettier/standalone';

// With these the standalone build reads Markdown with JSON in it, and JSON; unlike the whole of Prettier it can be loaded under Jest.
const PLUGINS = [markdown, babel, estree] as NonNullable<Options['plugins']>;

/**
 * Prints files as `prettier --check` wants them.
 * @param files content by path: Markdown or JSON
 * @param options what .prettierrc.json says
 */
export async function formatted(files: ReadonlyMap<string, string>, options: object): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const [path, content] of files)
    found.set(path, await format(content, { ...options, parser: path.endsWith('.json') ? 'json' : 'markdown', plugins: PLUGINS }));
  return found;
}
