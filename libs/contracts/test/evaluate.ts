import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const HOME = join(__dirname, '..');

/** What an expression with something of a module of the contracts is; Jest does not load ES modules. */
export function evaluate(module: string, expression: string): unknown {
  const code = `import * as module from ${JSON.stringify(join(HOME, module))}; console.log(JSON.stringify(${expression}));`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }));
}
