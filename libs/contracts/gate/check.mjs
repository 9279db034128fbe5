#!/usr/bin/env node
// `npm run contracts:check`, `contracts:generate` (--write) and `contracts:release` (--release). `--today 2027-03-01` checks as of another day.
// One line for each finding, on the standard error; with one the exit code is 1. Notes go to the standard output. In order: says nothing.
// What needs a package is imported when it is needed, so that a checkout without packages gets a sentence and no stack trace.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isDay } from './days.mjs';

const USAGE = `Usage: node libs/contracts/gate/check.mjs [--write | --release] [--generated] [--today 2026-11-21]
  --write      writes the generated code
  --release    writes a release, if nothing is found
  --generated  refuses generated code that is not current, as --release does
  --today      checks as of another day`;
const OPTIONS = {
  write: { type: 'boolean' },
  release: { type: 'boolean' },
  generated: { type: 'boolean' },
  today: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
};
const home = join(dirname(fileURLToPath(import.meta.url)), '..');

async function main() {
  const { help, write, release: releasing = false, generated = false, today } = readArguments();
  if (help) return console.log(USAGE);
  const { inspect } = await import('./gate.mjs');
  const { findings, contracts, baseline, complete } = await inspect({ home, today, releasing });
  if (complete) {
    // Compiling these generators is half of the gate's time; contracts that are not complete do not need them.
    const { checkGenerated, writeGenerated } = await import('./generate.mjs');
    if (write) writeGenerated(home, contracts);
    else checkGenerated({ home, contracts, findings, required: generated || releasing });
  }
  for (const note of findings.notes) console.log(`note: ${note}`);
  for (const line of findings.lines) console.error(line);
  if (findings.any) process.exitCode = 1;
  if (!releasing) return;
  if (findings.any) return console.error('Nothing was released; the lines above say why.');
  const { release } = await import('./release.mjs');
  for (const sentence of await release({ home, today, contracts, baseline })) console.log(sentence);
}

function readArguments() {
  const { values } = parse();
  const today = values.today ?? new Date().toISOString().slice(0, 10);
  if (!isDay(today)) throw new Error(`--today is "${today}", which is no day; write one like 2026-11-21.`);
  if (values.write && values.release) throw new Error(`--write and --release cannot be given together; generate first.\n${USAGE}`);
  return { ...values, today };
}

function parse() {
  try {
    return parseArgs({ options: OPTIONS });
  } catch (error) {
    throw new Error(`${error.message.replace(/\.?$/, '.')}\n${USAGE}`);
  }
}

/** One sentence for what kept the gate from checking, with the remedy. */
function reasonOf({ code = '', message, path, syscall }) {
  if (code.endsWith('MODULE_NOT_FOUND') || code.startsWith('ERR_PACKAGE') || code.startsWith('ERR_INVALID_PACKAGE'))
    return `${/'([^']+)'/.exec(message)?.[1] ?? 'a package'} is not installed; run npm ci.`;
  if (syscall)
    return `${path ?? 'a file in libs/contracts'} cannot be read or written (${code}); see to its permissions, and that it is a file or a folder as in git.`;
  return message;
}

main().catch((error) => {
  console.error(`The contracts cannot be checked: ${reasonOf(error)}`);
  process.exitCode = 1;
});
