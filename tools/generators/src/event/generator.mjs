// nx g event: a .proto file with its topic, an example, and the event among those that its producer publishes.
import { formatFiles } from '@nx/devkit';
import { mendOfFact } from '../../../../libs/contracts/generator/names.mjs';
import { CONTRACTS, passGate, readContracts } from '../contracts.mjs';
import { bringUpToDate } from '../derived.mjs';
import { camel, capital, kebab, oneLine, oneOf, pascal, requireAggregate, requireKebab, snake, words } from '../names.mjs';
import { declareTeam } from '../ownership.mjs';
import { SourceFile } from '../typescript.mjs';
import { declarationOf, exampleOf, parseFields } from './fields.mjs';

/**
 * @param {import('@nx/devkit').Tree} tree
 * @param {{name: string, aggregate?: string, owner?: string, producer?: string, retention?: number, fields?: string, description?: string,
 *   contact?: string}} options as in schema.json
 * @throws Error in one sentence, if the event may not be
 */
export default async function generateEvent(tree, options) {
  const declarations = await readContracts(tree);
  const aggregate = options.aggregate || aggregateOf(options.name);
  requireFact(declarations, options.name, aggregate);
  const producer = producerOf(declarations, { ...options, aggregate });
  requireSoleKeeper(declarations, aggregate, declarations.service(producer).constant);
  await addEvent(tree, { ...options, aggregate, producer });
  new SourceFile(tree, `apps/${producer}/src/${producer}.messages.ts`)
    .import(pascal(options.name), '@past-tense/contracts')
    .addToArray('publishes', pascal(options.name));
  await passGate(tree);
  await formatFiles(tree);
  return bringUpToDate(tree.root, `State it in apps/${producer}/src/domain with fact(${pascal(options.name)}, { … }).`);
}

/**
 * Writes the contract of an event.
 * @param {{name: string, aggregate: string, owner: string, producer: string, retention?: number, fields?: string, description?: string,
 *   contact?: string}} options
 */
export async function addEvent(tree, { name, aggregate, owner, producer, retention = 90, fields, description, contact }) {
  const declarations = await readContracts(tree);
  requireFact(declarations, name, aggregate);
  const key = `${snake(aggregate)}_id`;
  const said = parseFields(fields);
  if (said.some((field) => field.name === key))
    throw new Error(`${key} is the key of ${name} and there anyway; leave it out of the fields.`);
  const all = [{ name: key, kind: 'uuid' }, ...said];
  const team = declareTeam(tree, declarations, { name: owner, contact, for: name });
  const fact = oneLine(description || `${capital(oneOf(aggregate))} ${remainderOf(name, aggregate)}.`);
  tree.write(
    `${CONTRACTS}/proto/${snake(aggregate)}/v1/${snake(name)}.proto`,
    protoOf({
      event: pascal(name),
      package: `${snake(aggregate)}.v1`,
      topic: name,
      team,
      fact,
      key,
      retention,
      producer: `SERVICE_${producer.toUpperCase()}`,
      fields: all,
    }),
  );
  const example = Object.fromEntries(all.map((field) => [camel(field.name.replaceAll('_', '-')), exampleOf(field)]));
  tree.write(`${CONTRACTS}/examples/${snake(aggregate)}.v1.${pascal(name)}.json`, JSON.stringify(example));
}

/** @throws Error if another service publishes about the aggregate, whose facts are counted by one */
export function requireSoleKeeper({ topics, services }, aggregate, constant) {
  const other = topics.find(({ event, producer }) => event.file.proto.package.split('.')[0] === snake(aggregate) && producer !== constant);
  if (!other) return;
  const keeper = services.find((service) => service.constant === other.producer).name;
  throw new Error(
    `${capital(oneOf(aggregate))} is what ${keeper} keeps, and one service publishes all facts about it; name another aggregate with --aggregate, or let ${keeper} publish it.`,
  );
}

/** What an event happened to, if nobody says: its name without the participle. */
export const aggregateOf = (name) => name.split('-').slice(0, -1).join('-');

/** @throws Error if the name does not say what happened, or is taken */
export function requireFact({ topics, things }, name, aggregate) {
  requireKebab(name, 'an event');
  requireAggregate(aggregate || name);
  const mend = mendOfFact(pascal(name), { aggregate: snake(aggregate), things });
  if (mend) throw new Error(`"${name}" does not say what happened but must, because an event is a fact; ${mend}.`);
  const taken = topics.find(({ event, ...topic }) => topic.name === name || kebab(event.name) === name);
  if (taken)
    throw new Error(
      `The topic "${name}" is declared already, in ${CONTRACTS}/proto/${taken.event.file.proto.name}; name the event otherwise.`,
    );
}

/** The words of the fact after what it happened to: `was issued`. */
function remainderOf(name, aggregate) {
  const said = name.startsWith(`${aggregate}-`) ? name.slice(aggregate.length + 1) : name;
  return `was ${words(said)}`;
}

function producerOf(declarations, { name, aggregate, producer }) {
  if (producer) return declarations.service(producer).name;
  const about = declarations.topics.filter(({ event }) => event.file.proto.package.split('.')[0] === snake(aggregate));
  const [constant, ...others] = new Set(about.map((topic) => topic.producer));
  if (constant && others.length === 0) return declarations.services.find((service) => service.constant === constant).name;
  const known = declarations.services.map((service) => service.name).join(', ');
  throw new Error(
    `${name} has no producer; say with --producer which service publishes it (${known}), or write a new service with it: npx nx g service <name> --publishes ${name} --consumes <topic>.`,
  );
}

const protoOf = ({ event, package: name, topic, team, fact, key, retention, producer, fields }) => `syntax = "proto3";

package ${name};

import "buf/validate/validate.proto";
${fields.some(({ kind }) => kind === 'money') ? 'import "money/v1/money.proto";\n' : ''}import "past_tense/contract/v1/topic.proto";

// ${fact}
message ${event} {
  option (past_tense.contract.v1.topic) = {
    name: "${topic}"
    owner: ${team}
    description: ${JSON.stringify(fact)}
    key: "${key}"
    partitions: 12
    retention_days: ${retention}
    cleanup: CLEANUP_DELETE
    lag_slo_seconds: 60
    producer: ${producer}
  };

${fields.map((field, i) => declarationOf(field, i + 1)).join('\n')}
}
`;
