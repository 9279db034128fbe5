#!/usr/bin/env node
// A buf plugin: reads the compiled image and writes the catalogue of topics and commands. What is not fully declared makes it
// fail, so a topic without an owner, a key or a retention, or a command without a receiver, cannot be built.
import { createEcmaScriptPlugin, runNodeJs } from '@bufbuild/protoplugin';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCatalogue } from './read-catalogue.mjs';

// The image does not tell which folder a file is from.
const COMMANDS = join(dirname(fileURLToPath(import.meta.url)), '..', 'commands');
const isOfCommands = (file) => existsSync(join(COMMANDS, file.proto.name));

runNodeJs(
  createEcmaScriptPlugin({
    name: 'protoc-gen-catalogue',
    version: 'v1',
    generateTs(schema) {
      const { topics, commands, teams, services, problems } = readCatalogue(schema.allFiles, isOfCommands);
      if (problems.length > 0) throw new Error(problems.join('\n'));
      printEvents(schema, topics);
      printCommands(schema, commands);
      printCatalogue(schema, { topics, commands, teams, services });
    },
  }),
);

/** One name per event: the value describes it, the type is its payload. */
function printEvents(schema, topics) {
  const file = schema.generateFile('events.ts');
  file.print('// Generated from the .proto files. Change those and run `npm run contracts:generate`.');
  for (const topic of topics) {
    const name = topic.message.name;
    file.print(`import { ${name}Schema, type ${name} as ${name}Message } from './${topic.file}_pb';`);
  }
  for (const topic of topics) {
    const name = topic.message.name;
    file.print();
    file.print(`/** ${topic.description} Travels on \`${topic.name}\`. */`);
    file.print(`export const ${name} = ${name}Schema;`);
    file.print(`export type ${name} = ${name}Message;`);
  }
}

/** One name per command: the value describes its rpc. */
function printCommands(schema, services) {
  const file = schema.generateFile('commands.ts');
  file.print('// Generated from the .proto files. Change those and run `npm run contracts:generate`.');
  for (const { service, file: proto } of services) file.print(`import { ${service.name} } from './${proto}_pb';`);
  for (const { service, file: proto } of services) file.print(`export * from './${proto}_pb';`);
  for (const { service, commands } of services) {
    for (const { name, description, method } of commands) {
      file.print();
      file.print(`/** ${description} */`);
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
  for (const { message, file: proto, ...declared } of topics) {
    const literal = JSON.stringify({ ...declared, proto: `${proto}.proto` }, null, 2).slice(0, -2);
    file.print(`${literal},\n  "event": events.${message.name}\n},`);
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
