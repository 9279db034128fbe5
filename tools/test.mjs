// `npm test`: gets the checkout ready, then formatting, lint, types and every test. `npm test -- orders` tests one project.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

// These share one Kafka and count every message on it; beside a suite that takes both cores, a request to it would time out and be sent again.
const ALONE = 'libs/messaging/test/';

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const options = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const folders = names.map(folderOf);

prepare();
const scope = folders.length > 0 ? folders : ['.'];
step('Formatting', 'prettier', '--check', '--log-level', 'warn', ...scope);
step('Lint', 'nx', 'run-many', '-t', 'lint', '--output-style=static', ...(names.length > 0 ? ['-p', names.join(',')] : []));
step('Types', 'tsc', '-p', 'tsconfig.check.json');
if (names.length > 0) step('Tests', 'jest', '--maxWorkers=1', ...options, ...folders.map((folder) => `${folder}/`));
else {
  step('Tests', 'jest', ...options, `--testPathIgnorePatterns=${ALONE}`);
  step('Tests of messaging', 'jest', '--maxWorkers=1', ...options, ALONE);
}

function folderOf(name) {
  const folder = ['libs', 'apps', 'infra', '.']
    .map((kind) => join(kind, name))
    .find((path) => existsSync(join(root, path, 'package.json')));
  if (folder) return folder;
  console.error(`There is no library or app "${name}".`);
  process.exit(1);
}

/** Runs one of the installed tools; a failure ends the run. */
function step(title, tool, ...args) {
  console.log(`\n${title}`);
  const env = {
    ...process.env,
    NX_DAEMON: 'false',
    NX_NO_CLOUD: 'true',
    // Every suite has a broker of its own for a minute or two: too short for what the second compiler costs, a third of its start.
    JAVA_TOOL_OPTIONS: `${process.env.JAVA_TOOL_OPTIONS ?? ''} -XX:TieredStopAtLevel=1`.trim(),
    PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}`,
  };
  const { status } = spawnSync(tool, args, { cwd: root, stdio: 'inherit', env });
  if (status !== 0) process.exit(status ?? 1);
}
