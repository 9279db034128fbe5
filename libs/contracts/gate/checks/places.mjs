// What lies where nobody looks for it would be neither checked nor created.
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { ROOT } from '../contracts.mjs';

/** Copies and installed packages, which are no contracts of ours. */
const APART = new Set(['test', 'dist', 'node_modules']);
/** The modules of buf.yaml. */
const COMPILED = ['proto', 'commands', 'vendor'];

/**
 * Adds each .proto file that is in no folder that is compiled, or that buf does not take for one.
 * @param {string} home folder of the contracts
 * @throws Error if a folder that is compiled holds nothing, which buf does not allow
 */
export function checkPlaces(home, findings) {
  const files = readdirSync(home, { withFileTypes: true })
    .filter(({ name }) => !APART.has(name))
    .flatMap((entry) => (entry.isDirectory() ? filesIn(join(home, entry.name)) : [join(home, entry.name)]))
    .map((file) => relative(home, file).split(sep).join('/'));
  for (const file of files) checkPlace(file, findings);
  for (const folder of COMPILED)
    if (!files.some((file) => file.startsWith(`${folder}/`) && file.endsWith('.proto')))
      throw new Error(`${ROOT}/${folder} holds no .proto file, though buf.yaml names it; put what belongs there back.`);
}

function checkPlace(file, findings) {
  const isCompiled = COMPILED.includes(file.split('/')[0]);
  if (!/\.proto$/i.test(file) || (isCompiled && file.endsWith('.proto'))) return;
  findings.add(
    { file: `${ROOT}/${file}`, line: 1 },
    isCompiled ? `${file} must end with .proto in lower case` : `${file} may not lie here`,
    'it is not compiled, so nothing in it would be checked or created',
    isCompiled
      ? 'rename it'
      : 'move it to libs/contracts/proto if it is an event, to libs/contracts/commands if it holds commands, or delete it',
  );
}

const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
