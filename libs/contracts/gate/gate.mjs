// The gate of the contracts: one image is compiled, and everything that must hold is checked on it.
import { toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createValidator } from '@bufbuild/protovalidate';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addBreaking, addCompile, addLint } from './buf-findings.mjs';
import { bufBuild, bufCheck } from './buf.mjs';
import { checkCommands } from './checks/commands.mjs';
import { checkConsumers, checkRemembered } from './checks/consumers.mjs';
import { checkDeprecations } from './checks/deprecations.mjs';
import { checkEnums } from './checks/enums.mjs';
import { checkEvents } from './checks/events.mjs';
import { checkExamples } from './checks/examples.mjs';
import { checkKeys } from './checks/keys.mjs';
import { checkOwnership } from './checks/ownership.mjs';
import { checkPayloads } from './checks/payloads.mjs';
import { checkPersonal } from './checks/personal.mjs';
import { checkPlaces } from './checks/places.mjs';
import { checkRemovals } from './checks/removals.mjs';
import { checkRules } from './checks/rules.mjs';
import { checkUnchanged } from './checks/unchanged.mjs';
import { Contracts, ROOT, foldersIn, readImage } from './contracts.mjs';
import { Findings } from './findings.mjs';
import { readReleased } from './released.mjs';

// Google's and protovalidate's files are not ours to change; buf names files of an image without the folder they are in.
const OURS = ['--config', 'buf.yaml', '--exclude-path', 'buf', '--exclude-path', 'google'];

/**
 * Checks the contracts in a folder.
 * @param {{home: string, today: string, releasing?: boolean}} options `home` holds buf.yaml, proto/, commands/, vendor/, examples/ and released/;
 *   `today` is the day in UTC, such as 2026-11-21; `releasing` if the contracts are released as they are, which asks for more
 * @returns {Promise<{findings: Findings, contracts?: Contracts, baseline?: Contracts, complete: boolean}>} no contracts if they do not compile;
 *   complete if every event and command is declared well enough to generate code from
 * @throws Error if buf cannot run
 */
export async function inspect({ home, today, releasing = false }) {
  const findings = new Findings();
  const folderOf = foldersIn(home);
  if (!existsSync(join(home, 'buf.yaml')))
    throw new Error(`${ROOT}/buf.yaml is missing, which says what is compiled; take it from the branch that was released.`);
  checkPlaces(home, findings);
  const { image: bytes, found: uncompiled } = await bufBuild(home);
  if (uncompiled.length > 0) {
    addCompile(findings, uncompiled);
    return { findings, complete: false };
  }
  const contracts = new Contracts(readImage(bytes), folderOf);
  checkOwnership(contracts, findings);
  checkEvents(contracts, findings);
  checkCommands(contracts, findings);
  checkConsumers(contracts, findings);
  checkPersonal(contracts, findings);
  const complete = !findings.any;

  const { image, releases, refusal, isFirst } = readReleased(home);
  if (refusal && !(isFirst && releasing)) findings.add(...refusal);
  const baseline = image && new Contracts(image, folderOf);
  const gate = {
    home,
    today,
    releasing,
    findings,
    contracts,
    baseline,
    releases,
    validator: createValidator({ registry: contracts.registry }),
  };
  // These run while Node goes on with the checks below.
  const found = Promise.all([bufCheck(home, ['lint', '-', ...OURS], bytes), baseline ? breakingChanges(gate, bytes) : []]);
  // If one of the checks below throws, what buf says is of no interest any more.
  found.catch(() => undefined);
  checkDeprecations(gate);
  checkEnums(gate);
  checkKeys(gate);
  checkPayloads(gate);
  checkExamples(gate);
  checkRemembered(gate);
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
