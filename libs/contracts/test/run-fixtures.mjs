#!/usr/bin/env node
// Makes each change of test/fixtures on a copy of test/contracts, and prints as JSON what the gate says of it. Those are the contracts as they
// were on the day of FIRST_RELEASE, with what the gate has come to ask for since, so that the fixtures need not follow when the real ones change.
// With --write the fixtures are written anew with what the gate says; read the difference before you commit it.
//
// A fixture is a title and then paragraphs that begin with what is done:
//   today <day>           the day of the check; FIRST_RELEASE where it is not given
//   change <file>         lines that are there (" "), go ("-") and come ("+"), as a patch has them; they have to be there exactly once
//   create <file>         its lines, each after "+"
//   delete <file>
//   move <file> to <file>
//   release <day>         releases what was changed so far
//   releasing             the check is the one of a release
//   delete folder <folder>
//   expect                what the gate says, one line each; nothing if it is silent
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from '../gate/gate.mjs';
import { release } from '../gate/release.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const HOME = join(HERE, '..');
const FIRST_RELEASE = '2026-11-21';
const AT_A_TIME = 2;

const changes = {
  change: (home, [file], lines) => {
    const text = readFileSync(join(home, file), 'utf8');
    const side = (marks) => lines.filter((line) => marks.includes(line[0])).map((line) => `${line.slice(1)}\n`);
    const [before, after] = [side(' -').join(''), side(' +').join('')];
    if (text.split(before).length !== 2) throw new Error(`${file} does not hold these lines once:\n${before}`);
    writeFileSync(
      join(home, file),
      text.replace(before, () => after),
    );
  },
  create: (home, [file], lines) => {
    mkdirSync(dirname(join(home, file)), { recursive: true });
    writeFileSync(join(home, file), lines.map((line) => `${line.slice(1)}\n`).join(''));
  },
  delete: (home, words) => rmSync(join(home, words.at(-1)), { recursive: words[0] === 'folder' }),
  move: (home, [file, , to]) => {
    mkdirSync(dirname(join(home, to)), { recursive: true });
    renameSync(join(home, file), join(home, to));
  },
  release: async (home, [today]) => {
    const inspected = await inspect({ home, today, releasing: true });
    if (inspected.findings.any) throw new Error(`It cannot be released:\n${inspected.findings.lines.join('\n')}`);
    await release({ home, today, ...inspected });
  },
};

async function run(released, path) {
  const text = readFileSync(path, 'utf8');
  const [head, expected] = text.split(/^expect\n/m);
  const steps = head.split(/\n(?=(?:(?:today|change|create|delete|move|release) |releasing\n))/).slice(1);
  const home = mkdtempSync(join(tmpdir(), 'past-tense-fixture-'));
  try {
    cpSync(released, home, { recursive: true });
    let today = FIRST_RELEASE;
    let releasing = false;
    for (const step of steps) {
      const [what, ...lines] = step.split('\n').filter((line) => line !== '');
      const [kind, ...words] = what.split(' ');
      if (kind === 'today') [today] = words;
      else if (kind === 'releasing') releasing = true;
      else await changes[kind](home, words, lines);
    }
    const { findings } = await inspect({ home, today, releasing });
    const said = [...findings.notes.map((note) => `note: ${note}`), ...findings.lines];
    if (process.argv.includes('--write')) writeFileSync(path, `${head}expect\n${said.map((line) => `${line}\n`).join('')}`);
    return { expected: expected.split('\n').filter((line) => line !== ''), said };
  } catch (error) {
    return { error: error.stack };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** A copy of the contracts that the fixtures change, released. */
async function releaseContracts() {
  const home = mkdtempSync(join(tmpdir(), 'past-tense-fixtures-'));
  cpSync(join(HERE, 'contracts'), home, { recursive: true });
  for (const needed of ['buf.yaml', 'vendor']) cpSync(join(HOME, needed), join(home, needed), { recursive: true });
  await changes.release(home, [FIRST_RELEASE]);
  return home;
}

const only = process.argv.slice(2).find((argument) => !argument.startsWith('-')) ?? '';
const fixtures = ['breaking', 'safe']
  .flatMap((kind) => readdirSync(join(HERE, 'fixtures', kind)).map((file) => join(kind, file)))
  .filter((file) => file.includes(only));
const results = {};
const left = [...fixtures];
const released = await releaseContracts();
try {
  await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      for (let file = left.shift(); file; file = left.shift())
        results[file.replace(/\.txt$/, '')] = await run(released, join(HERE, 'fixtures', file));
    }),
  );
} finally {
  rmSync(released, { recursive: true, force: true });
}
console.log(JSON.stringify(results, null, 2));
