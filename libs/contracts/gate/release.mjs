// A release: the contracts as they are become the baseline of the next changes, and what they write is kept to be read for ever.
import { clone, toBinary, toJson } from '@bufbuild/protobuf';
import { DescriptorProtoSchema, EnumDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { corpusIn, exampleOf } from './checks/examples.mjs';
import { enumsIn, messagesIn } from './contracts.mjs';
import { digestOf, entryOf, readReleased } from './released.mjs';

const TOPIC_OPTION = 50100;

/**
 * Writes a release of contracts that the gate let through. With nothing new it changes nothing.
 * @param {{home: string, today: string, contracts: object, baseline?: object}} gate
 * @returns {Promise<string[]>} what was done, in sentences
 * @throws Error if the last release is of a later day
 */
export async function release({ home, today, contracts, baseline }) {
  const folder = join(home, 'released');
  const { releases } = readReleased(home);
  const bytes = toBinary(FileDescriptorSetSchema, withoutSources(contracts.image));
  const last = releases.at(-1);
  if (last?.image === digestOf(bytes)) return [`Nothing is new since release ${last.number} of ${last.date}.`];

  if (last && today < last.date) throw new Error(`release ${last.number} is of ${last.date}; nothing can be released before it.`);

  const number = (last?.number ?? 0) + 1;
  const changed = contracts.events.filter((event) => schemaOf(event) !== schemaOf(baseline?.registry.getMessage(event.typeName)));
  for (const event of changed) await keep(join(folder, 'corpus', String(number)), event, exampleOf({ home, contracts }, event), contracts);
  forget(home, contracts);
  const gone = (baseline?.events ?? []).filter(({ typeName }) => !contracts.registry.getMessage(typeName));
  writeFileSync(join(folder, 'image.binpb'), bytes);
  const events = changed.map(({ typeName }) => typeName).sort();
  await writeJson(join(folder, 'releases.json'), [
    ...releases,
    entryOf(releases, {
      number,
      date: today,
      image: digestOf(bytes),
      events,
      ...(gone.length > 0 && { retired: gone.map((event) => baseline.topicOf(event).name) }),
    }),
  ]);
  return [
    `Release ${number} of ${today} is in libs/contracts/released; commit it.`,
    events.length > 0
      ? `Added what it writes to the corpus: ${events.join(', ')}.`
      : 'The schema of no event changed, so the corpus stays as it is.',
    ...(gone.length > 0 ? [`Took the retired ${gone.map(({ typeName }) => typeName).join(', ')} out of the corpus.`] : []),
  ];
}

function withoutSources(image) {
  const copy = clone(FileDescriptorSetSchema, image);
  for (const file of copy.file) file.sourceCodeInfo = undefined;
  return copy;
}

async function keep(folder, event, example, { registry }) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${event.typeName}.bin`), toBinary(event, example));
  await writeJson(join(folder, `${event.typeName}.json`), toJson(event, example, { registry }));
}

/** Nobody has code any more to read the events that were retired. */
function forget(home, contracts) {
  const gone = corpusIn(home).filter(({ name }) => !contracts.registry.getMessage(name));
  for (const { release: number, name } of gone)
    for (const end of ['bin', 'json']) rmSync(join(home, 'released', 'corpus', String(number), `${name}.${end}`));
}

/** What an event's bytes depend on: its type and all types in it, with their rules, without what it declares of its topic. */
function schemaOf(event) {
  if (!event) return undefined;
  const protos = [
    ...[...messagesIn(event)].map((message) => [DescriptorProtoSchema, message]),
    ...[...enumsIn(event)].map((one) => [EnumDescriptorProtoSchema, one]),
  ];
  return protos
    .map(([schema, desc]) => `${desc.typeName}:${Buffer.from(toBinary(schema, withoutTopic(schema, desc.proto))).toString('base64')}`)
    .sort()
    .join('\n');
}

function withoutTopic(schema, proto) {
  const copy = clone(schema, proto);
  if (copy.options?.$unknown) copy.options.$unknown = copy.options.$unknown.filter(({ no }) => no !== TOPIC_OPTION);
  return copy;
}

async function writeJson(path, value) {
  writeFileSync(path, await format(JSON.stringify(value), { parser: 'json', printWidth: 140 }));
}
