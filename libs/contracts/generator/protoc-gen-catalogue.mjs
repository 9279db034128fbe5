#!/usr/bin/env node
// A buf plugin: reads the compiled image and writes the catalogue of topics. An event whose topic is not fully declared
// makes it fail, so a topic without an owner, a key or a retention cannot be built.
import { createEcmaScriptPlugin, runNodeJs } from '@bufbuild/protoplugin';
import { readCatalogue } from './read-catalogue.mjs';

runNodeJs(
  createEcmaScriptPlugin({
    name: 'protoc-gen-catalogue',
    version: 'v1',
    generateTs(schema) {
      const { topics, teams, services, problems } = readCatalogue(schema.allFiles);
      if (problems.length > 0) throw new Error(problems.join('\n'));
      printEvents(schema, topics);
      printCatalogue(schema, topics, teams, services);
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

function printCatalogue(schema, topics, teams, services) {
  const file = schema.generateFile('catalogue.ts');
  file.print('// Generated from the .proto files. Change those and run `npm run contracts:generate`.');
  file.print(`import type { Service, Team, Topic } from '../catalogue';`);
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
}
