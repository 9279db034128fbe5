// Reads the declarations of topics, commands, teams and services from compiled contracts that the gate has found complete.
import { createRegistry, getOption, hasOption, toJson } from '@bufbuild/protobuf';
import { getComments } from '@bufbuild/protoplugin';
import { versionOf } from '../gate/contracts.mjs';

const CONTRACT = 'past_tense.contract.v1';
const DAY_MS = 86_400_000;

/**
 * @param {readonly import('@bufbuild/protobuf').DescFile[]} files the compiled image
 * @returns {{topics: object[], commands: object[], teams: object, services: object}}
 */
export function readCatalogue(files) {
  const registry = createRegistry(...files);
  const teams = declarations(registry, 'Team', 'team');
  const services = Object.fromEntries(
    Object.entries(declarations(registry, 'Service', 'service')).map(([key, declared]) => [key, toService(declared, teams)]),
  );
  const read = (desc, option) => toJson(option.message, getOption(desc, option), { registry });

  const topic = registry.getExtension(`${CONTRACT}.topic`);
  const events = files.flatMap((file) => file.messages).filter((message) => hasOption(message, topic));
  const topics = events.map((event) => toTopic(event, read(event, topic), teams, services));

  const commands = registry.getExtension(`${CONTRACT}.commands`);
  const receivers = files.flatMap((file) => file.services).filter((service) => hasOption(service, commands));
  const commandServices = receivers.map((service) => toCommands(service, read(service, commands), services));

  return { topics: topics.sort(byName), commands: commandServices.sort(byName), teams: named(teams), services: named(services) };
}

function toService({ name, owner, remembersDays = 0, holdsDays = 0 }, teams) {
  return { name, owner: teams[owner]?.name, remembersMs: remembersDays * DAY_MS, holdsMs: holdsDays * DAY_MS };
}

function toTopic(event, declared, teams, services) {
  return {
    name: declared.name,
    eventType: event.typeName,
    version: versionOf(event),
    owner: teams[declared.owner].name,
    description: declared.description,
    key: event.fields.find((field) => field.name === declared.key).localName,
    partitions: declared.partitions,
    retentionMs: declared.retentionDays * DAY_MS,
    cleanup: declared.cleanup === 'CLEANUP_COMPACT' ? 'compact' : 'delete',
    lagSloMs: declared.lagSloSeconds * 1000,
    producer: services[declared.producer].name,
    consumers: (declared.consumers ?? []).map((consumer) => services[consumer].name),
    ...(declared.deprecatedSince && { deprecatedSince: declared.deprecatedSince }),
    file: event.file.name,
    message: event,
  };
}

function toCommands(service, declared, services) {
  return {
    name: service.typeName,
    description: descriptionOf(service),
    receiver: services[declared.receiver].name,
    callers: declared.callers.map((caller) => services[caller].name),
    scope: declared.scope,
    commands: service.methods.map((method) => ({ name: method.name, description: descriptionOf(method), method })),
    file: service.file.name,
    service,
  };
}

/** The comment above a declaration, as one line. buf lint sees to it that there is one. */
function descriptionOf(declaration) {
  return (getComments(declaration).leading ?? '').trim().replace(/\s*\n\s*/g, ' ');
}

function declarations(registry, enumName, optionName) {
  const option = registry.getExtension(`${CONTRACT}.${optionName}`);
  const values = registry.getEnum(`${CONTRACT}.${enumName}`).values.filter((value) => value.number !== 0);
  return Object.fromEntries(values.map((value) => [value.name, toJson(option.message, getOption(value, option), { registry })]));
}

const byName = (a, b) => (a.name < b.name ? -1 : 1);
const named = (declared) => Object.fromEntries(Object.values(declared).map((entry) => [entry.name, entry]));
