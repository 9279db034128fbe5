#!/usr/bin/env node
// Checks the contracts: the .proto files are well formed (buf lint), every topic and every service of commands is fully declared,
// and the committed generated code is what they say. With --write the generated code is brought up to date instead.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const home = join(dirname(fileURLToPath(import.meta.url)), '..');
const modules = join(home, '..', '..', 'node_modules');
const buf = (...args) =>
  execFileSync(process.execPath, [join(modules, '@bufbuild', 'buf', 'bin', 'buf'), ...args], {
    cwd: home,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${join(modules, '.bin')}:${process.env.PATH}` },
  });

const files = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
    .sort();

function check() {
  buf('lint');
  if (process.argv.includes('--write')) {
    buf('generate');
    unsilence(join(home, 'src', 'gen'));
    return [];
  }
  const fresh = mkdtempSync(join(tmpdir(), 'past-tense-contracts-'));
  try {
    buf('generate', '--output', fresh);
    unsilence(join(fresh, 'src', 'gen'));
    return differences(join(fresh, 'src', 'gen'), join(home, 'src', 'gen'));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** The plugin silences ESLint in each file; ours does not read generated code at all, so nothing is left to silence. */
function unsilence(folder) {
  for (const file of files(folder)) {
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    const heard = text.replace('/* eslint-disable */\n', '');
    if (heard !== text) writeFileSync(path, heard);
  }
}

function differences(fresh, committed) {
  const [now, before] = [files(fresh), files(committed)];
  const changed = now.filter(
    (file) => !before.includes(file) || readFileSync(join(fresh, file), 'utf8') !== readFileSync(join(committed, file), 'utf8'),
  );
  return [...changed, ...before.filter((file) => !now.includes(file))];
}

try {
  const stale = check();
  if (stale.length > 0) {
    console.error(
      `The generated code in libs/contracts/src/gen is not what the .proto files say (${stale.join(', ')}). Run: npm run contracts:generate`,
    );
    process.exitCode = 1;
  }
} catch (error) {
  console.error(
    `The contracts cannot be built:\n${(error.stdout ?? '') + (error.stderr ?? error.message)}`
      .trim()
      .replace(/^Failure: plugin .*?: /m, ''),
  );
  process.exitCode = 1;
}
