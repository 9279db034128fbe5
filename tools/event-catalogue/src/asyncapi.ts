import type { Catalogue, Service, Topic } from './catalogue';
import { ENVELOPE_SCHEMA } from './envelope-headers';
import { CONTRACTS } from './image';
import { payloadSchemas, type JsonSchema } from './payload-schema';
import { stateOf } from './version-state';

const BINDINGS = { bindingVersion: '0.5.0' };
const DAY_MS = 86_400_000;

const ABOUT = `The facts that the services of this system publish. Every value is Protobuf in the Confluent frame (a zero byte, the schema id in four bytes, a zero byte, the payload). The schemas here say what proto JSON makes of a payload: integers of 64 bits are text, and a field that holds its default may be left out. A consumer ignores fields it does not know, and enums may get more values.

Generated from the contracts and the manifests of the services: npm run events:generate.`;

/**
 * The catalogue as an AsyncAPI document: a channel for each topic, an operation for each service that publishes or consumes it.
 * https://www.asyncapi.com/docs/reference/specification/v3.0.0
 */
export function asyncApi({ contract, topics, services, version }: Catalogue): object {
  const schemas = new Map<string, JsonSchema>([['Envelope', ENVELOPE_SCHEMA]]);
  for (const { message } of topics) payloadSchemas(contract.registry, message, schemas);
  return {
    asyncapi: '3.0.0',
    id: 'urn:past-tense:events',
    info: {
      title: 'Past Tense: events',
      version,
      description: ABOUT,
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
      tags: ownerTags(topics),
    },
    defaultContentType: 'application/protobuf',
    servers: {
      local: {
        host: '127.0.0.1:19092',
        protocol: 'kafka',
        title: 'The stack on this machine',
        description: 'Kafka and the schema registry that npm start and docker compose bring up, at their usual ports.',
        bindings: {
          kafka: { schemaRegistryUrl: 'http://127.0.0.1:18081/apis/ccompat/v7', schemaRegistryVendor: 'apicurio', ...BINDINGS },
        },
      },
    },
    channels: Object.fromEntries(topics.map((topic) => [topic.name, channel(topic)])),
    operations: Object.fromEntries(services.flatMap((service) => operations(service, topics))),
    components: {
      messages: Object.fromEntries(topics.map((topic) => [topic.eventType, message(topic)])),
      schemas: Object.fromEntries([...schemas].sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
}

function ownerTags(topics: readonly Topic[]): object[] {
  const owners = new Map(topics.flatMap(({ owner }) => (owner ? [[owner.name, owner] as const] : [])));
  return [...owners.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, contact }) => ({ name: `owner:${name}`, description: `Owned by ${name}: ${contact}` }));
}

function channel(topic: Topic): object {
  const { name, description, eventType, partitions, cleanup, retentionDays, lagSloSeconds, key, owner } = topic;
  return {
    address: name,
    title: name,
    summary: description,
    description: `The key of a message is the payload's ${key}: the events of one aggregate stay in order. State of this version: ${stateOf(topic, topic.versions)}.`,
    servers: [{ $ref: '#/servers/local' }],
    messages: { [eventType]: { $ref: `#/components/messages/${eventType}` } },
    tags: tagsOf(topic),
    bindings: {
      kafka: {
        topic: name,
        partitions,
        topicConfiguration: { 'cleanup.policy': [cleanup], 'retention.ms': retentionDays * DAY_MS },
        ...BINDINGS,
      },
    },
    'x-owner': owner ?? null,
    'x-lag-slo-seconds': lagSloSeconds,
  };
}

function message(topic: Topic): object {
  const { eventType, message: event, description, proto, example, name, deprecatedSince } = topic;
  return {
    name: eventType,
    title: event.name,
    summary: description,
    description: `State of this version: ${stateOf(topic, topic.versions)}. Its contract is ${CONTRACTS}/proto/${proto}.`,
    contentType: 'application/protobuf',
    tags: tagsOf(topic),
    correlationId: { location: '$message.header#/ce_correlationid', description: 'One id for everything that follows from one request.' },
    headers: { $ref: '#/components/schemas/Envelope' },
    payload: { $ref: `#/components/schemas/${eventType}` },
    bindings: {
      kafka: {
        key: keySchema(topic),
        schemaIdLocation: 'payload',
        schemaIdPayloadEncoding: 'confluent',
        schemaLookupStrategy: 'TopicNameStrategy',
        ...BINDINGS,
      },
    },
    ...(example && { examples: [{ name: `${name}-example`, ...example }] }),
    'x-proto': `${CONTRACTS}/proto/${proto}`,
    ...(deprecatedSince && { 'x-deprecated-since': deprecatedSince }),
  };
}

/** The key of a message is a field of its payload. */
function keySchema({ message: { fields, typeName }, key }: Topic): object {
  const field = fields.find(({ name }) => name === key);
  return field ? { $ref: `#/components/schemas/${typeName}/properties/${field.jsonName}` } : { type: 'string' };
}

function operations({ name, owner }: Service, topics: readonly Topic[]): [string, object][] {
  const tags = [{ name: `service:${name}` }, ...(owner ? [{ name: `owner:${owner.name}` }] : [])];
  const common = ({ name: topic, eventType, description }: Topic) => ({
    channel: { $ref: `#/channels/${topic}` },
    messages: [{ $ref: `#/channels/${topic}/messages/${eventType}` }],
    summary: description,
    tags,
  });
  const client = { clientId: { type: 'string', const: name }, ...BINDINGS };
  const sent = topics.filter(({ publishers }) => publishers.includes(name));
  const received = topics.filter(({ consumers }) => consumers.some(({ service, by }) => service === name && by));
  return [
    ...sent.map((topic): [string, object] => [
      `${name}.publishes.${topic.name}`,
      { action: 'send', title: `${name} publishes ${topic.name}`, ...common(topic), bindings: { kafka: client } },
    ]),
    ...received.map((topic): [string, object] => [
      `${name}.consumes.${topic.name}`,
      {
        action: 'receive',
        title: `${name} consumes ${topic.name}`,
        ...common(topic),
        bindings: { kafka: { groupId: { type: 'string', const: name }, ...client } },
      },
    ]),
  ];
}

function tagsOf({ owner, fact, version }: Topic): object[] {
  return [...(owner ? [{ name: `owner:${owner.name}` }] : []), { name: `fact:${fact}` }, { name: `version:v${version}` }];
}
