// The contracts as they stand in the tree, with what the generators have written so far.
import { ScalarType } from '@bufbuild/protobuf';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { bufBuild } from '../../../libs/contracts/gate/buf.mjs';
import { Contracts, factNameOf, foldersIn, readImage, versionOf } from '../../../libs/contracts/gate/contracts.mjs';
import { inspect } from '../../../libs/contracts/gate/gate.mjs';

export const CONTRACTS = 'libs/contracts';
const OWNERSHIP = 'past_tense.contract.v1';

/**
 * Reads the contracts in the tree.
 * @param {import('@nx/devkit').Tree} tree
 * @throws Error if they do not compile
 */
export async function readContracts(tree) {
  return await inCopy(tree, async (home) => {
    const { image, found } = await bufBuild(home);
    if (found.length > 0) throw new Error(`The contracts do not compile: ${found[0].path}:${found[0].start_line}: ${found[0].message}`);
    return new Declarations(new Contracts(readImage(image), foldersIn(home)), tree);
  });
}

/**
 * Lets the gate of the contracts look at what was written.
 * @throws Error with what it finds
 */
export async function passGate(tree) {
  const today = new Date().toISOString().slice(0, 10);
  const { findings } = await inCopy(tree, (home) => inspect({ home, today }));
  if (findings.any) throw new Error(`Nothing was written, because the contracts would not be in order:\n${findings.lines.join('\n')}`);
}

/** buf and the gate read folders, so they get one with the tree's files. */
async function inCopy(tree, work) {
  const home = mkdtempSync(join(tmpdir(), 'past-tense-contracts-'));
  try {
    for (const part of ['buf.yaml', 'proto', 'commands', 'vendor', 'examples', 'released'])
      cpSync(join(tree.root, CONTRACTS, part), join(home, part), { recursive: true });
    for (const { path, content } of tree.listChanges().filter((change) => change.path.startsWith(`${CONTRACTS}/`) && change.content)) {
      const file = join(home, path.slice(CONTRACTS.length + 1));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
    return await work(home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** What the contracts declare, in the words of the generators. */
class Declarations {
  #tree;

  constructor(contracts, tree) {
    this.contracts = contracts;
    this.#tree = tree;
    this.teams = this.#declared('Team', 'team');
    this.services = this.#declared('Service', 'service');
    this.topics = contracts.events.map((event) => ({ ...contracts.topicOf(event), event, version: versionOf(event) }));
  }

  /** What all events are about: order, payment. */
  get things() {
    return new Set(this.contracts.eventFiles.map((file) => file.proto.package.split('.')[0]));
  }

  /** @throws Error if no service of that name is declared */
  service(name) {
    const found = this.services.find((service) => service.name === name);
    if (!found) throw new Error(`There is no service "${name}"; there are ${this.services.map((service) => service.name).join(', ')}.`);
    return found;
  }

  /**
   * All versions of the event on a topic, oldest first.
   * @throws Error if there is no such topic
   */
  versionsOf(name) {
    const topic = this.topics.find((one) => one.name === name);
    if (!topic)
      throw new Error(
        `There is no topic "${name}"; there are ${this.topics
          .map((one) => one.name)
          .sort()
          .join(', ')}.`,
      );
    const fact = factNameOf(topic.event);
    return this.topics.filter(({ event }) => factNameOf(event) === fact).sort((a, b) => a.version - b.version);
  }

  /** The example of an event, in the JSON of Protobuf. */
  exampleOf(event) {
    return JSON.parse(this.#tree.read(`${CONTRACTS}/examples/${event.typeName}.json`, 'utf8') ?? '{}');
  }

  /**
   * The fields of an event that another service can copy.
   * @returns {{name: string, localName: string, kind: 'uuid' | 'text' | 'money'}[]}
   */
  fieldsOf(event) {
    return event.fields.flatMap((field) => {
      const kind = this.#kindOf(field);
      return kind && !this.contracts.declared(field, 'personal') ? [{ name: field.name, localName: field.localName, kind }] : [];
    });
  }

  #kindOf(field) {
    if (field.fieldKind === 'message' && field.message.typeName === 'money.v1.Money') return 'money';
    if (field.fieldKind !== 'scalar' || field.scalar !== ScalarType.STRING) return undefined;
    return this.contracts.rulesOf(field).string?.uuid ? 'uuid' : 'text';
  }

  #declared(kind, option) {
    const { values } = this.contracts.registry.getEnum(`${OWNERSHIP}.${kind}`);
    return values
      .filter(({ number }) => number !== 0)
      .map((value) => ({ ...this.contracts.declared(value, option), constant: value.name, number: value.number }));
  }
}
