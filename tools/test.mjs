// `npm test`: gets the checkout ready, then formatting, lint, types and every test. `npm test -- orders` tests one project.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

// Those of messaging share one Kafka and count every message on it, so they run one after the other, and mostly wait; so do some others, which fill
// the time until the rest has ended. The rest gets the time that they leave: its priority is lower, because beside a suite that takes both cores a
// request to their Kafka would time out and be sent again.
const IN_TURN = [
  'libs/messaging/test/',
  'libs/contracts/test/',
  'libs/commands/test/',
  'libs/webhooks/test/',
  'apps/\\w+/test/',
  'e2e/alerts',
];
const LOWER_PRIORITY = 10;

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const options = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const folders = names.map(folderOf);

prepare();
const scope = folders.length > 0 ? folders : ['.'];
const inTurn = names.length === 0 ? start('pipe', 'jest', '--maxWorkers=1', ...options, ...IN_TURN) : undefined;
await Promise.all([
  step('Formatting', 'prettier', '--check', '--log-level', 'warn', ...scope),
  names.length > 0
    ? step('Lint', 'nx', 'run-many', '-t', 'lint', '--output-style=static', '-p', names.join(','))
    : step('Lint', 'eslint', '.'),
  step('Types', 'tsc', '-p', 'tsconfig.check.json'),
]);
if (!inTurn) await tests('--maxWorkers=1', ...options, ...folders.map((folder) => `${folder}/`));
else {
  await tests(...options, ...IN_TURN.map((folder) => `--testPathIgnorePatterns=${folder}`));
  await end(0);
}

function folderOf(name) {
  const folder = ['libs', 'apps', 'infra', 'tools', '.']
    .map((kind) => join(kind, name))
    .find((path) => existsSync(join(root, path, 'package.json')));
  if (folder) return folder;
  console.error(`There is no library or app "${name}".`);
  process.exit(1);
}

/** Runs one of the installed tools, beside others; what it says is seen when it has ended. A failure ends the run. */
async function step(title, tool, ...args) {
  const { child, ended } = start('pipe', tool, ...args);
  if (inTurn) setPriority(child.pid, LOWER_PRIORITY);
  const { status, said } = await ended;
  console.log(`\n${title}\n${said}`);
  if (status !== 0) await end(status);
}

/** Runs Jest, which is seen at work. A failure ends the run. */
async function tests(...args) {
  console.log('\nTests');
  const { child, ended } = start('inherit', 'jest', ...args);
  if (inTurn) setPriority(child.pid, LOWER_PRIORITY);
  const { status } = await ended;
  if (status !== 0) await end(status);
}

/** Ends the run when the tests in turn have, too: they would leave a Kafka behind. */
async function end(status) {
  const { status: theirs = 0, said = '' } = (await inTurn?.ended) ?? {};
  if (inTurn) console.log(`\nTests in turn\n${said}`);
  process.exit(status || theirs);
}

/** Starts one of the installed tools. What it says is either seen at once or kept until it ends. */
function start(stdio, tool, ...args) {
  const env = {
    ...process.env,
    NX_DAEMON: 'false',
    NX_NO_CLOUD: 'true',
    // Every suite has a broker of its own for a minute or two: too short for what the second compiler costs, a third of its start.
    JAVA_TOOL_OPTIONS: `${process.env.JAVA_TOOL_OPTIONS ?? ''} -XX:TieredStopAtLevel=1`.trim(),
    PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}`,
  };
  const child = spawn(tool, args, { cwd: root, stdio: ['inherit', stdio, stdio], env });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += chunk));
  return { child, ended: new Promise((resolve) => child.once('close', (status) => resolve({ status: status ?? 1, said }))) };
}
