// A decision of a domain that something asks for.
import { generateFiles } from '@nx/devkit';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { camel } from '../names.mjs';
import { SourceFile } from '../typescript.mjs';

const FILES = join(dirname(fileURLToPath(import.meta.url)), 'files');

/**
 * Writes a decision that changes nothing yet, with its test, unless the domain has one of that name.
 * @param {{service: string, does: string, thing: object, why: string}} decision `does` such as `cancel-invoice`; `why` a sentence
 * @returns {{name: string, file: string}} the function, and the file below domain/ without its ending
 */
export function addDecision(tree, { service, does, thing, why }) {
  const folder = `apps/${service}/src/domain`;
  const name = camel(does);
  if (new SourceFile(tree, `${folder}/${thing.path}.ts`).exported.includes(name)) return { name, file: thing.path };
  if (!tree.exists(`${folder}/${does}.ts`)) generateFiles(tree, FILES, folder, { path: does, name, thing, why });
  return { name, file: does };
}
