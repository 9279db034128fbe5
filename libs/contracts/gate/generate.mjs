// The code that is generated from the contracts: protobuf-es for the messages, and the catalogue of topics and commands.
import { create } from '@bufbuild/protobuf';
import { CodeGeneratorRequestSchema } from '@bufbuild/protobuf/wkt';
import { protocGenEs } from '@bufbuild/protoc-gen-es/dist/cjs/src/protoc-gen-es-plugin.js';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { catalogueGenerator } from '../generator/catalogue-generator.mjs';
import { ROOT } from './contracts.mjs';

const GENERATED = 'src/gen';
const GENERATORS = [
  // protovalidate publishes its own generated code.
  [protocGenEs, 'target=ts,import_extension=js,rewrite_imports=./buf/validate/*_pb.js:@bufbuild/protovalidate/gen'],
  [catalogueGenerator, 'target=ts'],
];

/** Writes the generated code, and takes away what is generated no longer. */
export function writeGenerated(home, contracts) {
  const folder = join(home, GENERATED);
  const files = generate(contracts);
  for (const file of filesIn(folder)) if (!files.has(file)) rmSync(join(folder, file));
  for (const [file, content] of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    if (readCode(folder, file) !== content) writeFileSync(join(folder, file), content);
  }
}

/** Adds a finding if the committed generated code is not what the contracts say, or a note where that is not required. */
export function checkGenerated({ home, contracts, findings, required }) {
  const folder = join(home, GENERATED);
  const files = generate(contracts);
  const stale = [
    ...[...files].filter(([file, content]) => readCode(folder, file) !== content).map(([file]) => file),
    ...filesIn(folder).filter((file) => !files.has(file)),
  ].sort();
  if (stale.length === 0) return;
  const place = { file: `${ROOT}/${GENERATED}/${stale[0]}`, line: 1 };
  if (!required)
    return findings.note(
      place,
      `the generated code is not what the .proto files say (${stale.join(', ')}); run: npm run contracts:generate.`,
    );
  findings.add(
    place,
    `the generated code is not what the .proto files say and must be (${stale.join(', ')})`,
    'services are compiled from it',
    'run: npm run contracts:generate',
  );
}

/** @returns {Map<string, string>} the content of each file */
function generate({ image }) {
  const fileToGenerate = image.file.map(({ name }) => name).filter((name) => !/^(buf|google\/protobuf)\//.test(name));
  const generated = new Map();
  for (const [generator, parameter] of GENERATORS) {
    const { file, error } = generator.run(create(CodeGeneratorRequestSchema, { fileToGenerate, parameter, protoFile: image.file }));
    if (error) throw new Error(error);
    // The generator silences ESLint in each file; ours does not read generated code at all, so nothing is left to silence.
    for (const { name, content } of file) generated.set(name, content.replace('/* eslint-disable */\n', ''));
  }
  return generated;
}

const readCode = (folder, file) => (existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8') : undefined);

const filesIn = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
    : [];
