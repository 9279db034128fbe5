import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';
import { validate } from '@past-tense/contracts';
import { readContract, type Contract, type DeclaredCommand, type DeclaredService, type DeclaredTopic } from './contract';
import { exampleHeaders } from './envelope-headers';
import { CONTRACTS } from './image';
import type { Consumption, Manifest } from './manifests';

/** All that the catalogue is made from. */
export interface Sources {
  /** The compiled .proto files, with their comments. */
  readonly image: FileDescriptorSet;
  readonly manifests: readonly Manifest[];
  /** A payload of each event in proto JSON, by event type. */
  readonly examples: ReadonlyMap<string, JsonValue>;
  /** README of each service that has one, by its name. */
  readonly readmes: ReadonlyMap<string, string>;
  /** Version of the system. */
  readonly version: string;
}

/** A service that may consume a topic, or does. */
export interface TopicConsumer {
  readonly service: string;
  /** The reaction; undefined for one who is declared and does not consume yet. */
  readonly by: Consumption | undefined;
}

/** A topic as it is declared, and who uses it in truth. */
export interface Topic extends DeclaredTopic {
  readonly eventType: string;
  readonly publishers: readonly string[];
  readonly consumers: readonly TopicConsumer[];
  /** All versions of the event, this one among them, oldest first. */
  readonly versions: readonly DeclaredTopic[];
  readonly example: Example | undefined;
}

export interface Example {
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: JsonValue;
}

/** A service as it is declared, and what it says of itself. */
export interface Service extends DeclaredService {
  readonly manifest: Manifest | undefined;
  /** Commands that are declared for it. */
  readonly commands: readonly DeclaredCommand[];
}

/** Who says what to whom. */
export interface Catalogue {
  readonly contract: Contract;
  /** Every topic, by name. */
  readonly topics: readonly Topic[];
  readonly services: readonly Service[];
  readonly version: string;
}

/** Puts together what is declared and what the services do. */
export function catalogueOf(sources: Sources): Catalogue {
  const contract = readContract(sources.image);
  return {
    contract,
    topics: contract.topics.map((topic) => topicOf(topic, contract.topics, sources)),
    services: contract.services.map((service) => ({
      ...service,
      manifest: sources.manifests.find((manifest) => manifest.service === service.name),
      commands: contract.commands.filter(({ receiver }) => receiver === service.name),
    })),
    version: sources.version,
  };
}

function topicOf(topic: DeclaredTopic, all: readonly DeclaredTopic[], { manifests, examples }: Sources): Topic {
  const eventType = topic.message.typeName;
  const found = manifests.flatMap(({ service, consumes }) =>
    consumes.filter((consumption) => consumption.eventType === eventType).map((by) => ({ service, by })),
  );
  const versions = all.filter(({ fact }) => fact === topic.fact).sort((a, b) => a.version - b.version);
  const idle = topic.mayConsume.filter((service) => !found.some((consumer) => consumer.service === service));
  return {
    ...topic,
    eventType,
    publishers: manifests
      .filter(({ publishes }) => publishes.includes(eventType))
      .map(({ service }) => service)
      .sort(),
    consumers: [...found, ...idle.map((service) => ({ service, by: undefined }))].sort((a, b) => (a.service < b.service ? -1 : 1)),
    versions,
    example: exampleOf(topic, examples.get(eventType), versions),
  };
}

function exampleOf(topic: DeclaredTopic, payload: JsonValue | undefined, versions: readonly DeclaredTopic[]): Example | undefined {
  if (payload === undefined) return undefined;
  const key = topic.message.fields.find(({ name }) => name === topic.key)?.jsonName ?? topic.key;
  const headers = exampleHeaders({
    eventType: topic.message.typeName,
    owner: topic.owner?.name ?? 'nobody',
    producer: topic.producer ?? 'nobody',
    aggregateId: (payload as Record<string, string>)[key] ?? '',
    subject: `${topic.name}-value`,
    alsoAs: versions.filter(({ name }) => name !== topic.name).map(({ message }) => message.typeName),
  });
  return { headers, payload };
}

/** What keeps the catalogue from being true, each in one sentence with its remedy. */
export function problemsOf({ topics, services, contract }: Catalogue, manifests: readonly Manifest[]): string[] {
  const byType = new Map(topics.map((topic) => [topic.eventType, topic]));
  return [
    ...topics.flatMap((topic) => [...ownerless(topic), ...unpublished(topic), ...unexplained(topic, contract)]),
    ...manifests.flatMap((manifest) => [
      ...(services.some(({ name }) => name === manifest.service) ? [] : [undeclared(manifest)]),
      ...manifest.publishes.flatMap((eventType) => foreign(manifest.service, 'publishes', eventType, byType.get(eventType))),
      ...manifest.consumes.flatMap(({ eventType }) => foreign(manifest.service, 'consumes', eventType, byType.get(eventType))),
    ]),
  ];
}

/** What somebody ought to know and what is no mistake. */
export function notesOf({ topics }: Catalogue): string[] {
  return topics.filter(isUnheard).map(({ name, mayConsume }) => {
    const declared = mayConsume.length > 0 ? `; declared, and silent so far: ${mayConsume.join(', ')}` : '';
    return `Nobody consumes the topic ${name}${declared}.`;
  });
}

/** Whether nobody consumes a topic. */
export function isUnheard({ consumers }: Topic): boolean {
  return consumers.every(({ by }) => !by);
}

const protoOf = ({ proto }: DeclaredTopic) => `${CONTRACTS}/proto/${proto}`;

function ownerless(topic: Topic): string[] {
  if (topic.owner) return [];
  return [`The topic ${topic.name} has no owner; add \`owner: TEAM_…\` to its (past_tense.contract.v1.topic) option in ${protoOf(topic)}.`];
}

function unpublished(topic: Topic): string[] {
  const { name, publishers, producer, message, version } = topic;
  if (publishers.length > 0) return [];
  const event = message.name + (version > 1 ? `V${version}` : '');
  const remedy = producer
    ? `add ${event} to \`publishes\` in apps/${producer}/src/${producer}.messages.ts, or take the event out of ${protoOf(topic)}`
    : `add \`producer: SERVICE_…\` to its option in ${protoOf(topic)}, and ${event} to \`publishes\` in the manifest of that service`;
  return [`Nobody publishes the topic ${name}; ${remedy}.`];
}

function unexplained({ name, eventType, message, example }: Topic, { registry }: Contract): string[] {
  const file = `${CONTRACTS}/examples/${eventType}.json`;
  if (!example) return [`The topic ${name} has no example; write a payload of it in proto JSON to ${file}.`];
  try {
    validate(message, fromJson(message, example.payload, { registry }));
    return [];
  } catch (error) {
    return [`The example of the topic ${name} is wrong: ${(error as Error).message.replace(/\.$/, '')}; mend ${file}.`];
  }
}

function undeclared({ service }: Manifest): string {
  return `apps/${service} has a manifest, but nobody declared a service "${service}"; add it to ${CONTRACTS}/proto/past_tense/contract/v1/ownership.proto.`;
}

function foreign(service: string, does: 'publishes' | 'consumes', eventType: string, topic: Topic | undefined): string[] {
  if (!topic)
    return [`${service} ${does} ${eventType}, which is no event; give it a topic in ${CONTRACTS}/proto, or take it out of the manifest.`];
  if (does === 'publishes' && topic.producer !== service)
    return [
      `${service} publishes on the topic ${topic.name} and may not; take it out of its manifest, or name it as the producer in ${protoOf(topic)}.`,
    ];
  if (does === 'consumes' && !topic.mayConsume.includes(service))
    return [
      `${service} consumes the topic ${topic.name} and may not; add it to the consumers in ${protoOf(topic)}, or take the reaction out.`,
    ];
  return [];
}
