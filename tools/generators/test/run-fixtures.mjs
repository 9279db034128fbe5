#!/usr/bin/env node
// Runs the generators on this checkout without writing, and prints as JSON what they would write and what they refuse.
// With --write the expected output is written anew; read the difference before you commit it.
//
// A folder of test/fixtures holds the request (request.json: generator and options) and what is expected: expected/<path>.txt for each file that
// is created, and changed.diff with the lines that come and go in files that were there.
import { FsTree } from 'nx/src/generators/tree.js';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..', '..');
const FIXTURES = join(HERE, 'fixtures');
const REQUEST = 'request.json';
const CHANGED = 'changed.diff';
// Migrations bear the moment at which they were written.
const NOW = Date.UTC(2026, 10, 22);

Date.now = () => NOW;
// What a generator says belongs to people.
console.log = console.info = () => undefined;

/** @returns the files, by path below the folder of the fixture, or the sentence with which the generator refuses */
async function outcomeOf({ generator, options }) {
  const { default: generate } = await import(`../src/${generator}/generator.mjs`);
  const tree = new FsTree(ROOT, false);
  try {
    await generate(tree, options);
  } catch (error) {
    return { refused: error.message };
  }
  const changes = tree.listChanges();
  const created = changes.filter(({ type }) => type === 'CREATE').map(({ path, content }) => [`expected/${path}.txt`, content.toString()]);
  const changed = changes.filter(({ type }) => type === 'UPDATE').map(({ path, content }) => changeOf(path, content.toString()));
  return { files: { ...Object.fromEntries(created), [CHANGED]: changed.sort().join('\n') } };
}

/** Lines that come and go. Where they stand changes with what others write, and is not compared. */
function changeOf(path, after) {
  const written = join(SCRATCH, 'after');
  writeFileSync(written, after);
  // git ends with 1 if files differ.
  const { stdout } = spawnSync('git', ['diff', '--no-index', '--no-color', '-U0', join(ROOT, path), written], { encoding: 'utf8' });
  const lines = stdout.split('\n').filter((line) => /^[+-](?!\+\+ |-- )/.test(line));
  return `${path}\n${lines.join('\n')}\n`;
}

function filesIn(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => relative(folder, join(entry.parentPath, entry.name))).filter((path) => path !== REQUEST);
  return Object.fromEntries(paths.sort().map((path) => [path, readFileSync(join(folder, path), 'utf8')]));
}

function write(folder, files) {
  for (const path of Object.keys(filesIn(folder))) rmSync(join(folder, path));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

/** Does the work for two at a time, and returns what comes of it in their order. */
async function atATime(all, work) {
  const results = [];
  const waiting = [...all.entries()];
  const worker = async () => {
    for (let next; (next = waiting.shift());) results[next[0]] = await work(next[1]);
  };
  await Promise.all([worker(), worker()]);
  return results;
}

const SCRATCH = mkdtempSync(join(tmpdir(), 'past-tense-generators-'));
try {
  const fixtures = await atATime(readdirSync(FIXTURES).sort(), async (name) => {
    const folder = join(FIXTURES, name);
    const { files, refused } = await outcomeOf(JSON.parse(readFileSync(join(folder, REQUEST), 'utf8')));
    if (!files) throw new Error(`${name} is refused: ${refused}`);
    if (process.argv.includes('--write')) write(folder, files);
    return { name, files, expected: filesIn(folder) };
  });
  const requests = JSON.parse(readFileSync(join(HERE, 'refusals.json'), 'utf8'));
  const refusals = await atATime(requests, async (request) => ({
    ...request,
    refused: (await outcomeOf(request)).refused ?? 'It is not refused.',
  }));
  process.stdout.write(JSON.stringify({ fixtures, refusals }));
} finally {
  rmSync(SCRATCH, { recursive: true, force: true });
}
