// nx g reaction: a reaction of a service that is there, the decision that it asks for, and the service among those that may consume.
import { formatFiles, generateFiles } from '@nx/devkit';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { saysWhatToDo } from '../../../../libs/contracts/generator/names.mjs';
import { passGate, readContracts } from '../contracts.mjs';
import { addDecision } from '../decision/add-decision.mjs';
import { bringUpToDate } from '../derived.mjs';
import { camel, kebab, pascal, plural, requireKebab } from '../names.mjs';
import { addConsumer } from '../proto.mjs';
import { repositoriesOf } from '../repositories.mjs';
import { idsOf, thingOf, typeOf } from '../service/blueprint.mjs';
import { SourceFile } from '../typescript.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const WHEN = '-when-';

/**
 * @param {import('@nx/devkit').Tree} tree
 * @param {{service: string, name: string}} options as in schema.json
 * @throws Error in one sentence, if the reaction may not be
 */
export default async function generateReaction(tree, { service, name }) {
  const declarations = await readContracts(tree);
  const { constant } = declarations.service(service);
  const [does, topic] = readName(declarations, name);
  const versions = declarations.versionsOf(topic);
  const folder = `apps/${service}/src`;
  const type = pascal(name);
  const manifest = new SourceFile(tree, `${folder}/${service}.messages.ts`);
  requireFirst(tree, { service, name, versions, manifest });
  const { repository, thing, of, waits } = repositoryFor(tree, declarations, service, versions);

  for (const version of versions) addConsumer(tree, await readContracts(tree), version, constant);
  await passGate(tree);
  const decision = addDecision(tree, { service, does, thing, why: versions[0].description });
  generateFiles(tree, join(HERE, 'files'), `${folder}/reactions`, {
    path: name,
    type,
    events: versions.map(typeOf),
    decision,
    repository,
    thing: thing.words,
    of,
    waits,
    opens: false,
  });
  manifest.import(type, `./reactions/${name}`).addToArray('reactions', type);
  await formatFiles(tree);
  return bringUpToDate(tree.root, `Decide in ${folder}/domain/${decision.file}.ts what follows from it.`);
}

/** @returns {[does: string, topic: string]} */
function readName({ things }, name) {
  requireKebab(name, 'a reaction');
  const place = name.lastIndexOf(WHEN);
  if (place < 1)
    throw new Error(`"${name}" is no name for a reaction: it says what is done and when, such as cancel-invoice-when-payment-refunded.`);
  const does = name.slice(0, place);
  if (!saysWhatToDo(pascal(does), things))
    throw new Error(
      `"${does}" does not say what to do: begin with a verb and name what it is done to, as in cancel-invoice${WHEN}payment-refunded.`,
    );
  return [does, name.slice(place + WHEN.length)];
}

/** @throws Error if the service reacts to one of these already */
function requireFirst(tree, { service, name, versions, manifest }) {
  if (tree.exists(`apps/${service}/src/reactions/${name}.ts`))
    throw new Error(`${service} has the reaction ${name} already; change that one.`);
  const end = `When${versions[0].event.name}`;
  const other = manifest.elementsOf('reactions').find((reaction) => reaction.endsWith(end));
  if (other)
    throw new Error(
      `${service} reacts to ${versions[0].name} already, in ${kebab(other)}.ts, and one service has one reaction to an event; change that one.`,
    );
}

/**
 * The repository that finds what an event is about and changes it.
 * @throws Error if there is none
 */
function repositoryFor(tree, declarations, service, versions) {
  const ids = idsOf(declarations, versions).map((field) => ({
    ...thingOf(kebab(field.name.replace(/_id$/, ''))),
    localName: field.localName,
    field: field.name,
  }));
  for (const { type, file, aggregate, methods } of repositoriesOf(tree, service)) {
    const repository = { name: camel(plural(aggregate)), type, file };
    const thing = thingOf(aggregate);
    const found = ids.find((id) => methods.includes(`findBy${id.type}`));
    if (found) return { repository, thing, of: found, waits: `findBy${found.type}` };
    // Facts about its own aggregate are said because of what it said before.
    const own = ids.find((id) => id.type === thing.type);
    if (own) return { repository, thing, of: own, waits: false };
  }
  throw new Error(
    `${service} has no repository in src/storage that changes what it finds by an id in ${versions[0].name} (${ids.map(({ field }) => field).join(', ') || 'it has none'}); write the method findBy… and then the reaction anew, or all by hand.`,
  );
}
