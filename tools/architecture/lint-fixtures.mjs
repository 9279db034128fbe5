// Lints every fixture as if it stood where it says, and the same place with nothing wrong in it. Prints what was refused.
import { ESLint } from 'eslint';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const fixtures = join(here, 'fixtures');

// Rules that need types cannot look at a file that is not there; none of those under test does.
const withoutTypes = [
  { ...tseslint.configs.disableTypeChecked, files: ['**/*.ts'] },
  { files: ['**/*.ts'], languageOptions: { parserOptions: { projectService: false } } },
];
const eslint = new ESLint({ cwd: root, overrideConfig: withoutTypes });

async function refusals(code, file) {
  const [result] = await eslint.lintText(code, { filePath: join(root, file) });
  return result.messages.map(({ ruleId, message }) => ruleId ?? message);
}

const results = [];
for (const fixture of readdirSync(fixtures)) {
  const code = readFileSync(join(fixtures, fixture), 'utf8');
  const [, place, rule] = /^\/\/ Stands at: (.+)\n\/\/ Is refused by: (.+)\n/.exec(code);
  const name = fixture.replace('.fixture.ts', '');
  results.push({ name, rule, refused: await refusals(code, place), honest: await refusals('export const honest = 1;\n', place) });
}
console.log(JSON.stringify(results));
