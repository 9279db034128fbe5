// Reads the services of commands from compiled descriptors and says, in one sentence each, what is missing or wrong in them.
import { getOption, toJson } from '@bufbuild/protobuf';
import { getComments } from '@bufbuild/protoplugin';
import { saysWhatToDo } from './names.mjs';

const OPTION = 'past_tense.contract.v1.commands';

/**
 * @param {readonly import('@bufbuild/protobuf').DescFile[]} files those that lie among the commands
 * @param {import('@bufbuild/protobuf').Registry} registry
 * @param {object} services the declared services, by the name of their enum value
 * @param {ReadonlySet<string>} things what the events are about
 * @returns {{services: object[], problems: string[]}} problems are sentences for people
 */
export function readCommands(files, registry, services, things) {
  const option = registry.getExtension(OPTION);
  const problems = [];
  const found = [];
  for (const file of files) {
    if (file.services.length === 0) problems.push(`${file.proto.name}: holds no service; a command is an rpc of a service.`);
    for (const service of file.services) {
      const declared = toJson(option.message, getOption(service, option), { registry });
      const wrong = [...checkService(service, declared), ...service.methods.flatMap((method) => checkCommand(method, things))];
      problems.push(...wrong.map((sentence) => `${file.proto.name}: ${sentence}`));
      if (wrong.length === 0) found.push(toCommands(file, service, declared, services));
    }
  }
  const names = found.flatMap(({ commands }) => commands.map(({ name }) => name));
  for (const name of new Set(names.filter((candidate, i) => names.indexOf(candidate) !== i)))
    problems.push(`The command ${name} is declared twice; one command has one receiver.`);
  return { services: found.sort((a, b) => (a.name < b.name ? -1 : 1)), problems };
}

function checkService({ name, methods }, { receiver, callers = [], scope }) {
  const wrong = [];
  const missing = (field, hint) => wrong.push(`${name} has no ${field}; add \`${hint}\` to its (${OPTION}) option.`);
  if (!receiver) missing('receiver', 'receiver: SERVICE_…');
  if (callers.length === 0 || callers.includes('SERVICE_UNSPECIFIED')) missing('callers', 'callers: [SERVICE_…]');
  if (!scope) missing('scope', 'scope: "<things>:command"');
  if (methods.length === 0) wrong.push(`${name} holds no command; add an rpc.`);
  return wrong;
}

function checkCommand({ name, methodKind }, things) {
  const wrong = [];
  if (!saysWhatToDo(name, things))
    wrong.push(
      `${name} does not say what to do; a command begins with a verb and names what it is done to, as CancelShipment does (libs/contracts/generator/names.mjs).`,
    );
  if (methodKind !== 'unary') wrong.push(`${name} is a stream; a command is one request with one answer.`);
  return wrong;
}

function toCommands(file, service, declared, services) {
  return {
    name: service.typeName,
    description: descriptionOf(service),
    receiver: services[declared.receiver].name,
    callers: declared.callers.map((caller) => services[caller].name),
    scope: declared.scope,
    commands: service.methods.map((method) => ({ name: method.name, description: descriptionOf(method), method })),
    file: file.name,
    service,
  };
}

/** The comment above a declaration, as one line. buf lint sees to it that there is one. */
function descriptionOf(declaration) {
  return (getComments(declaration).leading ?? '').trim().replace(/\s*\n\s*/g, ' ');
}
