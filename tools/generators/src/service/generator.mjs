// nx g service: a service like the others, its declaration, and its place in the stack.
import { formatFiles, generateFiles, readJson } from '@nx/devkit';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { passGate, readContracts } from '../contracts.mjs';
import { bringUpToDate } from '../derived.mjs';
import { addEvent, aggregateOf, requireFact, requireSoleKeeper } from '../event/generator.mjs';
import { capital, oneLine, plural, requireAggregate, requireServiceName, snake } from '../names.mjs';
import { declareService, declareTeam } from '../ownership.mjs';
import { addConsumer } from '../proto.mjs';
import { addScope, portFor, registerService, takenNames } from '../workspace.mjs';
import { blueprintOf, saidAbout, sharedId, verbOfFact } from './blueprint.mjs';

const FILES = join(dirname(fileURLToPath(import.meta.url)), 'files');
const REACTION = join(FILES, '..', '..', 'reaction', 'files');
const LIBRARIES = ['auth', 'contracts', 'database', 'envelope', 'messaging', 'outbox', 'service', 'telemetry'];
const PACKAGES = ['@nestjs/common', '@nestjs/swagger', 'reflect-metadata', 'typeorm', 'zod'];

/**
 * @param {import('@nx/devkit').Tree} tree
 * @param {{name: string, consumes: string, publishes?: string, owner?: string, aggregate?: string, retention?: number, description?: string,
 *   port?: number, contact?: string}} options as in schema.json
 * @throws Error in one sentence, if the service may not be
 */
export default async function generateService(tree, options) {
  const { name, owner, contact, retention } = options;
  const before = await readContracts(tree);
  requireFreeName(tree, before, name);
  const consumed = listOf(options.consumes).map((topic) => before.versionsOf(topic));
  const publishes = listOf(options.publishes);
  if (consumed.length === 0)
    throw new Error(
      `${name} reacts to nothing; name a topic with --consumes. A service that begins with a request over HTTP is best copied from orders.`,
    );
  requireDifferent(consumed);
  const aggregate = options.aggregate || aggregateFrom(before, publishes[0]) || `${aggregateOf(consumed[0][0].name)}-note`;
  for (const topic of publishes) requireOwn(before, { name, topic, aggregate: options.aggregate || aggregateOf(topic) });
  requireAggregate(aggregate);
  requireOne(publishes, aggregate, options.aggregate);
  requireSoleKeeper(before, aggregate, `SERVICE_${name.toUpperCase()}`);
  const port = portFor(tree, options.port);
  const of = sharedId(before, consumed, name);
  const description = oneLine(options.description || describe(publishes[0], consumed[0][0].name));

  const team = declareTeam(tree, before, { name: owner, contact, for: name });
  const retentionDays = Math.max(...consumed.flat().map((topic) => topic.retentionDays));
  if (!before.services.some((service) => service.name === name))
    declareService(tree, await readContracts(tree), { name, team, description, retentionDays });
  for (const topic of consumed.flat()) addConsumer(tree, await readContracts(tree), topic, `SERVICE_${name.toUpperCase()}`);
  for (const [i, topic] of publishes.entries()) {
    if (before.topics.some((declared) => declared.name === topic)) continue;
    const fields = saidAbout(before, consumed[0], of, { whole: i === 0, key: `${snake(aggregate)}_id` });
    await addEvent(tree, { name: topic, aggregate, owner, producer: name, retention, fields });
  }
  await passGate(tree);

  const declarations = await readContracts(tree);
  const blueprint = blueprintOf(declarations, { name, aggregate, of, consumed, publishes, description, port });
  generateFiles(tree, FILES, `apps/${name}`, { ...blueprint, dependencies: dependenciesOf(tree), libraries: [...LIBRARIES].sort() });
  for (const reaction of blueprint.reactions) generateFiles(tree, REACTION, `apps/${name}/src/reactions`, reaction);
  const { path } = blueprint.things;
  addScope(tree, `${path}:read`, `See ${path.replaceAll('-', ' ')}`);
  registerService(tree, { name, port, publishes });
  await formatFiles(tree);
  return bringUpToDate(
    tree.root,
    `apps/${name} is there: read it from ${name}.messages.ts on, write its business in domain/, and test it with: npm test -- ${name}`,
  );
}

const listOf = (text = '') => [
  ...new Set(
    text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  ),
];

function requireFreeName(tree, { services }, name) {
  requireServiceName(name);
  if (tree.exists(`apps/${name}`)) throw new Error(`There is a service "${name}" already, in apps/${name}; name the new one otherwise.`);
  if (takenNames(tree).has(name) && !services.some((service) => service.name === name))
    throw new Error(`"${name}" is no name for a service, because something else in the stack has it; name it otherwise.`);
}

/** Events whose names say otherwise are about one aggregate only if somebody says so. */
function requireOne(publishes, aggregate, said) {
  const other = publishes.find((topic) => !topic.startsWith(`${aggregate}-`));
  if (!said && other)
    throw new Error(
      `${other} is about another aggregate than ${publishes[0]}, and a service begins with one; say which with --aggregate, or name one of them.`,
    );
}

/** Two versions of one event are heard by one reaction. */
function requireDifferent(consumed) {
  const [second] = consumed.filter(([oldest], i) => consumed.findIndex(([other]) => other === oldest) !== i);
  if (second)
    throw new Error(
      `${second.map((topic) => topic.name).join(' and ')} are versions of one event, which one reaction hears; name one of them.`,
    );
}

/** @throws Error if the event is none, or another service publishes it */
function requireOwn(declarations, { name, topic, aggregate }) {
  const declared = declarations.topics.find((one) => one.name === topic);
  if (!declared) return requireFact(declarations, topic, aggregate);
  const producer = declarations.services.find((service) => service.constant === declared.producer);
  if (producer.name !== name) throw new Error(`${name} may not publish ${topic}, because ${producer.name} does; name another event.`);
}

function aggregateFrom({ topics }, publishes) {
  const declared = topics.find(({ name }) => name === publishes);
  if (declared) return declared.event.file.proto.package.split('.')[0].replaceAll('_', '-');
  return publishes && aggregateOf(publishes);
}

function describe(publishes, consumes) {
  const verb = publishes && verbOfFact(publishes);
  if (!verb) return `Reacts to ${consumes}.`;
  const does = plural(verb);
  return `${capital(does)} ${plural(aggregateOf(publishes)).replaceAll('-', ' ')}.`;
}

/** What the other services depend on, in their versions. */
function dependenciesOf(tree) {
  const others = tree.children('apps').filter((app) => tree.exists(`apps/${app}/package.json`));
  const known = Object.assign({}, ...others.map((app) => readJson(tree, `apps/${app}/package.json`).dependencies));
  const wanted = [...PACKAGES, ...LIBRARIES.map((library) => `@past-tense/${library}`)].sort();
  return Object.fromEntries(wanted.map((name) => [name, known[name]]));
}
