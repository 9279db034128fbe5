// A generator: reads the compiled image and writes the catalogue of topics and commands, with one name for each event and each command. The
// gate has found everything fully declared before.
import { createEcmaScriptPlugin } from '@bufbuild/protoplugin';
import { enumsIn, versionOf } from '../gate/contracts.mjs';
import { readCatalogue } from './read-catalogue.mjs';

export const catalogueGenerator = createEcmaScriptPlugin({
  name: 'protoc-gen-catalogue',
  version: 'v1',
  generateTs(schema) {
    const { topics, commands, teams, services } = readCatalogue(schema.allFiles);
    printEvents(schema, topics);
    printKnownValues(schema, topics);
    printCommands(schema, commands);
    printCatalogue(schema, { topics, commands, teams, services });
  },
});

/** One name per version of an event: the value describes it, the type is its payload. */
const nameOf = ({ message, version }) => message.name + (version > 1 ? `V${version}` : '');

function printEvents(schema, topics) {
  const file = schema.generateFile('events.ts');
  file.print('// Generated from the .proto files. Change those and run `npm run contracts:generate`.');
  for (const topic of topics) {
    const { name } = topic.message;
    file.print(`import { ${name}Schema as ${nameOf(topic)}Schema, type ${name} as ${nameOf(topic)}Message } from './${topic.file}_pb';`);
  }
  for (const topic of topics) {
    const name = nameOf(topic);
    file.print();
    file.print(`/** ${inComment(topic.description)} Travels on \`${topic.name}\`. */`);
    file.print(`export const ${name} = ${name}Schema;`);
    file.print(`export type ${name} = ${name}Message;`);
  }
}

/** A description whose text cannot end the comment it stands in. */
const inComment = (description) => description.trim().replace(/\s+/g, ' ').replaceAll('*/', '*\\/');

/** A guard for each enum of an event: whoever branches on one has to say what happens to a value that came later. */
function printKnownValues(schema, topics) {
  const file = schema.generateFile('known-values.ts');
  file.print('// Generated from the .proto files. Change those and run `npm run contracts:generate`.');
  file.print(`import { requireKnown } from '../known-value';`);
  for (const of of new Set(topics.flatMap(({ message }) => [...enumsIn(message)]))) {
    const type = identifierOf(of);
    const version = versionOf(of);
    const name = type.replaceAll('_', '') + (version > 1 ? `V${version}` : '');
    const zero = of.values.find(({ number }) => number === 0).localName;
    file.print(`import { ${type} as ${name}, ${type}Schema as ${name}Schema } from './${of.file.name}_pb';`);
    file.print();
    file.print(
      `/** A value of ${of.typeName} that this build knows.\n * @throws UnknownValueError if it was added later; the event is dead-lettered as UNKNOWN_VALUE */`,
    );
    file.print(`export function known${name}(value: ${name}): Exclude<${name}, ${name}.${zero}> {`);
    file.print(`  return requireKnown(${name}Schema, value) as Exclude<${name}, ${name}.${zero}>;`);
    file.print('}');
  }
}

/** The name that protoc-gen-es gives a nested declaration. */
const identifierOf = (desc) => (desc.parent ? `${identifierOf(desc.parent)}_${desc.name}` : desc.name);

/** One name per command: the value describes its rpc. */
function printCommands(schema, services) {
  const file = schema.generateFile('commands.ts');
  file.print('// Generated from the .proto files. Change those and run `npm run contracts:generate`.');
  for (const { service, file: proto } of services) file.print(`import { ${service.name} } from './${proto}_pb';`);
  for (const { service, file: proto } of services) file.print(`export * from './${proto}_pb';`);
  for (const { service, commands } of services) {
    for (const { name, description, method } of commands) {
      file.print();
      file.print(`/** ${inComment(description)} */`);
      file.print(`export const ${name} = ${service.name}.method.${method.localName};`);
    }
  }
}

function printCatalogue(schema, { topics, commands, teams, services }) {
  const file = schema.generateFile('catalogue.ts');
  file.print('// Generated from the .proto files. Change those and run `npm run contracts:generate`.');
  file.print(`import type { CommandService, Service, Team, Topic } from '../catalogue';`);
  file.print(`import * as commands from './commands';`);
  file.print(`import * as events from './events';`);
  file.print();
  file.print('export const teams = ', JSON.stringify(teams, null, 2), ' as const satisfies Record<string, Team>;');
  file.print();
  file.print('export const services = ', JSON.stringify(services, null, 2), ' as const satisfies Record<string, Service>;');
  file.print();
  file.print('export const topics: readonly Topic[] = [');
  for (const topic of topics) {
    const { message: _, file: proto, ...declared } = topic;
    const literal = JSON.stringify({ ...declared, proto: `${proto}.proto` }, null, 2).slice(0, -2);
    file.print(`${literal},\n  "event": events.${nameOf(topic)}\n},`);
  }
  file.print('];');
  file.print();
  file.print('export const commandServices: readonly CommandService[] = [');
  for (const { service, commands: rpcs, file: proto, ...declared } of commands) {
    const literal = JSON.stringify({ ...declared, proto: `${proto}.proto` }, null, 2).slice(0, -2);
    file.print(`${literal},\n  "service": commands.${service.name},\n  "commands": [`);
    for (const { name, description } of rpcs)
      file.print(`    { "name": ${JSON.stringify(name)}, "description": ${JSON.stringify(description)}, "method": commands.${name} },`);
    file.print('  ]\n},');
  }
  file.print('];');
}
