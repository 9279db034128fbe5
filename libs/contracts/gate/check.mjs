#!/usr/bin/env node
// `npm run contracts:check`, `contracts:generate` (--write) and `contracts:release` (--release). `--today 2027-03-01` checks as of another day.
// One line for each finding, on the standard error; with one the exit code is 1. Notes go to the standard output. In order: says nothing.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isDay } from './contracts.mjs';
import { inspect } from './gate.mjs';

const USAGE = 'node libs/contracts/gate/check.mjs [--write | --release] [--today 2026-11-21]';
const home = join(dirname(fileURLToPath(import.meta.url)), '..');

async function main() {
  const { write, release: releasing, today } = readArguments();
  const { findings, contracts, baseline, complete } = await inspect({ home, today });
  if (complete) {
    // Compiling these generators is half of the gate's time; contracts that are not complete do not need them.
    const { checkGenerated, writeGenerated } = await import('./generate.mjs');
    if (write) writeGenerated(home, contracts);
    else checkGenerated(home, contracts, findings);
  }
  for (const note of findings.notes) console.log(`note: ${note}`);
  for (const line of findings.lines) console.error(line);
  if (findings.any) process.exitCode = 1;
  if (!releasing) return;
  if (findings.any) return console.error('Nothing was released; the lines above say why.');
  const { release } = await import('./release.mjs');
  for (const sentence of await release({ home, today, contracts, baseline, findings })) console.log(sentence);
}

function readArguments() {
  const { values } = parse();
  const today = values.today ?? new Date().toISOString().slice(0, 10);
  if (!isDay(today)) throw new Error(`--today is "${today}", which is no day; write one like 2026-11-21.`);
  return { ...values, today };
}

function parse() {
  try {
    return parseArgs({ options: { write: { type: 'boolean' }, release: { type: 'boolean' }, today: { type: 'string' } } });
  } catch (error) {
    throw new Error(`${error.message} Usage: ${USAGE}`);
  }
}

main().catch((error) => {
  console.error(`The contracts cannot be checked: ${error.message}`);
  process.exitCode = 1;
});
