// Gets a checkout ready to run: dependencies installed, everything compiled. Only what is missing or stale is done. This file
// and start.mjs use nothing but Node itself, because they run before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const STATE = join(root, '.past-tense');
const SOURCES = ['libs', 'apps', 'infra', 'tools', 'e2e', 'bench'];
const IGNORED = new Set(['node_modules', 'dist']);

/** Installs and compiles what is missing or stale. Ends the process with a sentence if that fails. */
export function prepare() {
  requireNode();
  once(
    'install',
    fingerprint([join(root, 'package-lock.json')], true),
    existsSync(join(root, 'node_modules')),
    'Installing the dependencies (npm ci)',
    () => npm('ci', '--no-audit', '--loglevel=error'),
  );
  once('build', fingerprint(sourceFiles(), false), existsSync(join(root, 'infra', 'local', 'dist', 'index.js')), 'Compiling', () =>
    npm('run', '--silent', 'build'),
  );
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if ((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major >= 24) return;
  fail(`Node ${process.versions.node} is not supported; install Node 20.19 or later, 22.12 or later, or 24.`);
}

/** Does the work unless it was done for the same fingerprint before. */
function once(name, wanted, there, saying, work) {
  const stamp = join(STATE, `${name}.sha256`);
  if (there && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.log(`${saying} …`);
  work();
  mkdirSync(STATE, { recursive: true });
  writeFileSync(stamp, wanted);
}

function npm(...args) {
  const { status, error } = spawnSync('npm', args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  if (error) fail('npm is missing; install it together with Node and see that it is on the PATH.');
  if (status !== 0) fail(`"npm ${args.join(' ')}" failed; the lines above say why.`);
}

function sourceFiles() {
  const found = [join(root, 'tsconfig.base.json'), join(root, 'tsconfig.json')];
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (IGNORED.has(entry.name)) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (/\.(ts|json|proto|ya?ml|mjs)$/.test(entry.name)) found.push(path);
    }
  };
  for (const folder of SOURCES.map((name) => join(root, name)).filter(existsSync)) visit(folder);
  return found.sort();
}

function fingerprint(files, contents) {
  const hash = createHash('sha256').update(process.versions.node.split('.')[0]);
  for (const file of files) {
    if (contents) hash.update(readFileSync(file));
    else {
      const { mtimeMs, size } = statSync(file);
      hash.update(`${file}:${mtimeMs}:${size}\n`);
    }
  }
  return hash.digest('hex');
}

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}
