// Reads the declarations of topics, commands, teams and services from compiled descriptors and says, in one sentence each, what
// is missing or wrong in them.
import { createRegistry, getOption, hasOption, toJson } from '@bufbuild/protobuf';
import { readCommands } from './read-commands.mjs';
import { saysWhatHappened } from './names.mjs';

const CONTRACT = 'past_tense.contract.v1';
const DAY_MS = 86_400_000;
const MAX_RETENTION_DAYS = 365;
const MAX_PARTITIONS = 256;

/**
 * @param {readonly import('@bufbuild/protobuf').DescFile[]} files the compiled image
 * @param {(file: import('@bufbuild/protobuf').DescFile) => boolean} isOfCommands whether a file lies among the commands
 * @returns {{topics: object[], commands: object[], teams: object, services: object, problems: string[]}} problems are sentences for people
 */
export function readCatalogue(files, isOfCommands) {
  const registry = createRegistry(...files);
  const problems = [];
  const teams = declarations(registry, 'Team', 'team');
  const services = declarations(registry, 'Service', 'service');
  for (const service of Object.values(services)) service.owner = teams[service.owner]?.name;

  const topicOption = registry.getExtension(`${CONTRACT}.topic`);
  const topics = [];
  const ours = files.filter(isOurs);
  const ofEvents = ours.filter((file) => !isOfCommands(file));
  for (const file of ofEvents) {
    for (const service of file.services)
      problems.push(
        `${file.proto.name}: service ${service.name} lies among the events; commands have a folder of their own, libs/contracts/commands.`,
      );
    // What a service of commands says with is wrong for the same reason as the service.
    for (const message of file.services.length > 0 ? [] : file.messages) {
      const declared = toJson(topicOption.message, getOption(message, topicOption), { registry });
      const where = `${file.proto.name}: ${message.name}`;
      const wrong = check(message, declared);
      problems.push(...wrong.map((sentence) => `${where} ${sentence}`));
      if (wrong.length === 0) topics.push(toTopic(file, message, declared, teams, services));
    }
  }
  const ofCommands = ours.filter(isOfCommands);
  for (const file of ofCommands) {
    for (const message of file.messages.filter((candidate) => hasOption(candidate, topicOption)))
      problems.push(`${file.proto.name}: ${message.name} has a topic, so it is an event; events live in libs/contracts/proto.`);
    if (ofEvents.some((other) => other.proto.package === file.proto.package))
      problems.push(`${file.proto.name}: the package ${file.proto.package} holds events; commands need a package of their own.`);
  }
  const things = new Set(ofEvents.map((file) => file.proto.package.split('.')[0]));
  const commands = readCommands(ofCommands, registry, services, things);
  problems.push(...commands.problems);
  topics.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const [i, topic] of topics.entries()) {
    if (topics[i + 1]?.name === topic.name)
      problems.push(`${topic.file}.proto: topic ${topic.name} is declared twice; one event, one topic.`);
  }
  return { topics, commands: commands.services, teams: byName(teams), services: byName(services), problems };
}

/** Every package but the contract's own language, value types and imported rules holds events or commands. */
function isOurs(file) {
  return !/^(past_tense|money|buf|google)\./.test(`${file.proto.package}.`);
}

function check(message, topic) {
  const wrong = [];
  const missing = (field, hint) => wrong.push(`has no ${field}; add \`${hint}\` to its (past_tense.contract.v1.topic) option.`);
  if (!saysWhatHappened(message.name))
    wrong.push(
      'does not say what happened; an event ends with a verb in the past tense, as OrderPlaced does (libs/contracts/generator/names.mjs).',
    );
  const expectedName = topicNameOf(message);
  if (!topic.name) missing('topic', `name: "${expectedName}"`);
  else if (topic.name !== expectedName) wrong.push(`travels on "${topic.name}"; a topic bears its event's name: "${expectedName}".`);
  if (!topic.owner) missing('owner', 'owner: TEAM_…');
  if (!topic.description) missing('description', 'description: "the fact in one sentence"');
  if (!topic.key) missing('key', 'key: "<the aggregate\'s id field>"');
  else if (!isStringField(message, topic.key)) wrong.push(`has the key "${topic.key}", which is not one of its string fields.`);
  if (!topic.partitions) missing('partitions', 'partitions: 12');
  else if (topic.partitions > MAX_PARTITIONS) wrong.push(`has ${topic.partitions} partitions; at most ${MAX_PARTITIONS} are allowed.`);
  if (!topic.retentionDays) missing('retention', 'retention_days: 90');
  else if (topic.retentionDays > MAX_RETENTION_DAYS)
    wrong.push(`is kept ${topic.retentionDays} days; at most ${MAX_RETENTION_DAYS} are allowed.`);
  if (!topic.cleanup) missing('cleanup', 'cleanup: CLEANUP_DELETE');
  if (!topic.lagSloSeconds) missing('lag objective', 'lag_slo_seconds: 30');
  if (!topic.producer) missing('producer', 'producer: SERVICE_…');
  return wrong;
}

/** The topic an event travels on: its name, and from the second version on the version. */
const topicNameOf = (message) => kebab(message.name) + (versionOf(message) > 1 ? `-v${versionOf(message)}` : '');

/** The version that stands in the event's package; buf lint sees to it that there is one. */
const versionOf = ({ file }) => Number(/\.v(\d+)$/.exec(file.proto.package)?.[1] ?? 1);

function isStringField(message, name) {
  const field = message.fields.find((candidate) => candidate.name === name);
  return field?.fieldKind === 'scalar' && field.proto.type === 9; // TYPE_STRING
}

function toTopic(file, message, declared, teams, services) {
  const key = message.fields.find((field) => field.name === declared.key).localName;
  return {
    name: declared.name,
    eventType: message.typeName,
    version: versionOf(message),
    owner: teams[declared.owner].name,
    description: declared.description,
    key,
    partitions: declared.partitions,
    retentionMs: declared.retentionDays * DAY_MS,
    cleanup: declared.cleanup === 'CLEANUP_COMPACT' ? 'compact' : 'delete',
    lagSloMs: declared.lagSloSeconds * 1000,
    producer: services[declared.producer].name,
    consumers: (declared.consumers ?? []).map((consumer) => services[consumer].name),
    ...(declared.deprecatedSince && { deprecatedSince: declared.deprecatedSince }),
    file: file.name,
    message,
  };
}

function declarations(registry, enumName, optionName) {
  const option = registry.getExtension(`${CONTRACT}.${optionName}`);
  const values = registry.getEnum(`${CONTRACT}.${enumName}`).values.filter((value) => value.number !== 0);
  return Object.fromEntries(values.map((value) => [value.name, toJson(option.message, getOption(value, option), { registry })]));
}

const byName = (declared) => Object.fromEntries(Object.values(declared).map((entry) => [entry.name, entry]));
const kebab = (name) => name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase();
