import { clone, createFileRegistry, getOption, setExtension, type Message } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, type FileDescriptorSet } from '@bufbuild/protobuf/wkt';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readContract } from '../src/contract';
import { buildImage, CONTRACTS } from '../src/image';
import type { Manifest } from '../src/manifests';

export const ROOT = join(__dirname, '..', '..', '..');

/** Manifests of services that do all that they are declared to do. */
export function manifestsAsDeclared(image: FileDescriptorSet): Manifest[] {
  const { services, topics, commands } = readContract(image);
  return services.map(({ name }) => ({
    service: name,
    publishes: topics.filter(({ producer }) => producer === name).map(({ message }) => message.typeName),
    consumes: topics
      .filter(({ mayConsume }) => mayConsume.includes(name))
      .map(({ message }) => ({ eventType: message.typeName, reaction: `ActWhen${message.name}` })),
    answers: commands.some(({ receiver }) => receiver === name),
  }));
}

/** The image with the topic option of one event changed. */
export function withTopicOption(image: FileDescriptorSet, eventType: string, change: Record<string, unknown>): FileDescriptorSet {
  const altered = clone(FileDescriptorSetSchema, image);
  const registry = createFileRegistry(altered);
  const event = registry.getMessage(eventType)!;
  const option = registry.getExtension('past_tense.contract.v1.topic')!;
  setExtension(event.proto.options!, option, Object.assign(getOption(event, option) as Message, change));
  return altered;
}

/** Compiles the contracts with files of .proto added, by path below libs/contracts/proto. */
export function imageWith(added: Readonly<Record<string, string>>): FileDescriptorSet {
  const copy = mkdtempSync(join(tmpdir(), 'past-tense-events-'));
  try {
    for (const part of ['buf.yaml', 'proto', 'commands', 'vendor'])
      cpSync(join(ROOT, CONTRACTS, part), join(copy, CONTRACTS, part), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    for (const [path, content] of Object.entries(added)) {
      mkdirSync(dirname(join(copy, CONTRACTS, 'proto', path)), { recursive: true });
      writeFileSync(join(copy, CONTRACTS, 'proto', path), content);
    }
    return buildImage(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
