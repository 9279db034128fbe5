// What every service of commands has to declare, and that commands and events are kept apart.
import { saysWhatToDo } from '../../generator/names.mjs';
import { withNested } from '../contracts.mjs';

const OPTION = '(past_tense.contract.v1.commands)';

/**
 * @param {import('../contracts.mjs').Contracts} contracts
 * @param {import('../findings.mjs').Findings} findings
 */
export function checkCommands(contracts, findings) {
  const packagesOfEvents = new Set(contracts.eventFiles.map((file) => file.proto.package));
  const things = new Set([...packagesOfEvents].map((name) => name.split('.')[0]));
  const receivers = new Map();
  for (const file of contracts.commandFiles) {
    for (const message of file.messages.flatMap(withNested))
      if (contracts.declares(message, 'topic'))
        findings.add(
          contracts.placeOf(message, 'name'),
          `${message.name} has a topic, so it is an event and may not lie here`,
          'nobody may take a request for a fact',
          'move its file to libs/contracts/proto',
        );
    if (packagesOfEvents.has(file.proto.package))
      findings.add(
        contracts.placeOf(file),
        `the package ${file.proto.package} holds events and may not hold commands`,
        'a command is another kind of thing',
        'give the commands a package of their own',
      );
    if (file.services.length === 0)
      findings.add(contracts.placeOf(file), `${file.proto.name} must hold a service`, 'a command is an rpc of a service', 'declare one');
    for (const service of file.services) {
      checkService(contracts, findings, service);
      for (const method of service.methods) checkCommand({ contracts, findings, method, things, receivers });
    }
  }
}

function checkService(contracts, findings, service) {
  const { receiver, callers = [], scope } = contracts.declared(service, 'commands') ?? {};
  const add = (setting, ...sentence) => findings.add(contracts.placeOf(service, setting), ...sentence);
  const missing = (what, why, hint) =>
    add(
      undefined,
      `${service.name} has no ${what} but needs ${what.endsWith('s') ? 'them' : 'one'}`,
      why,
      `add \`${hint}\` to its ${OPTION} option`,
    );
  if (!isService(receiver)) missing('receiver', 'one service has to answer', 'receiver: SERVICE_…');
  if (callers.length === 0 || !callers.every(isService)) missing('callers', 'only they may send', 'callers: [SERVICE_…]');
  if (!scope) missing('scope', "a caller's token is checked for it", 'scope: "<things>:command"');
  if (service.methods.length === 0)
    add(undefined, `${service.name} must hold a command`, 'a command is an rpc of a service', 'add an rpc, or leave the service out');
}

function checkCommand({ contracts, findings, method, things, receivers }) {
  const { name } = method;
  const add = (...sentence) => findings.add(contracts.placeOf(method), ...sentence);
  if (!saysWhatToDo(name, things))
    add(
      `${name} does not say what to do but must`,
      'a command is a request',
      'begin it with a verb and name what it is done to, as CancelShipment does (libs/contracts/generator/names.mjs)',
    );
  if (method.methodKind !== 'unary') add(`${name} may not be a stream`, 'a command is one request with one answer', 'leave `stream` out');
  const other = receivers.get(name);
  if (other) add(`${name} may not be declared again after ${other.typeName}`, 'one command has one receiver', 'name it otherwise');
  receivers.set(name, method.parent);
}

const isService = (name) => String(name ?? '').startsWith('SERVICE_') && name !== 'SERVICE_UNSPECIFIED';
