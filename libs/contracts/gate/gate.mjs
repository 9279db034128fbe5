// The gate of the contracts: one image is compiled, and everything that must hold is checked on it.
import { toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createValidator } from '@bufbuild/protovalidate';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addBreaking, addCompile, addLint } from './buf-findings.mjs';
import { buf, bufCheck, parseFound } from './buf.mjs';
import { checkCommands } from './checks/commands.mjs';
import { checkDeprecations } from './checks/deprecations.mjs';
import { checkEnums } from './checks/enums.mjs';
import { checkEvents } from './checks/events.mjs';
import { checkExamples } from './checks/examples.mjs';
import { checkPayloads } from './checks/payloads.mjs';
import { checkRemovals } from './checks/removals.mjs';
import { checkRules } from './checks/rules.mjs';
import { checkUnchanged } from './checks/unchanged.mjs';
import { Contracts, foldersIn, readImage } from './contracts.mjs';
import { Findings } from './findings.mjs';
import { readReleased } from './released.mjs';

// Google's and protovalidate's files are not ours to change; buf names files of an image without the folder they are in.
const OURS = ['--config', 'buf.yaml', '--exclude-path', 'buf', '--exclude-path', 'google'];

/**
 * Checks the contracts in a folder.
 * @param {{home: string, today: string}} options `home` holds buf.yaml, proto/, commands/, vendor/, examples/ and released/; `today` is the day in UTC, such as 2026-11-21
 * @returns {Promise<{findings: Findings, contracts?: Contracts, baseline?: Contracts, complete: boolean}>} no contracts if they do not compile;
 *   complete if every event and command is declared well enough to generate code from
 * @throws Error if buf cannot run
 */
export async function inspect({ home, today }) {
  const findings = new Findings();
  const folderOf = foldersIn(home);
  const { code, stdout, stderr } = await buf(home, ['build', '-o', '-', '--error-format=json']);
  if (code !== 0) {
    const found = parseFound(stdout.toString() + stderr);
    if (found.length === 0) throw new Error(`buf build failed: ${stderr.trim()}`);
    addCompile(findings, found);
    return { findings, complete: false };
  }
  const contracts = new Contracts(readImage(stdout), folderOf);
  checkEvents(contracts, findings);
  checkCommands(contracts, findings);
  const complete = !findings.any;

  const { image, releases } = readReleased(home, findings);
  const baseline = image && new Contracts(image, folderOf);
  const gate = {
    home,
    today,
    findings,
    contracts,
    baseline,
    releases,
    validator: createValidator({ registry: contracts.registry }),
  };
  // These run while Node goes on with the checks below.
  const found = Promise.all([bufCheck(home, ['lint', '-', ...OURS], stdout), baseline ? breakingChanges(gate, stdout) : []]);
  checkDeprecations(gate);
  checkEnums(gate);
  checkPayloads(gate);
  checkExamples(gate);
  if (baseline) {
    checkUnchanged(gate);
    checkRules(gate);
  }
  const [lint, breaking] = await found;
  addLint(findings, lint, folderOf);
  addBreaking(findings, breaking, folderOf);
  return { findings, contracts, baseline, complete };
}

/** buf's search for breaking changes, against the release without what may go. */
async function breakingChanges(gate, image) {
  const pruned = checkRemovals(gate);
  const folder = mkdtempSync(join(tmpdir(), 'past-tense-contracts-'));
  try {
    const against = join(folder, 'released.binpb');
    writeFileSync(against, toBinary(FileDescriptorSetSchema, pruned));
    return await bufCheck(gate.home, ['breaking', '-', '--against', against, ...OURS], image);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
