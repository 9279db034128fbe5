// nx g command: an rpc in the contract of its receiver, the handler that answers it, and the way to it for the service that sends.
import { formatFiles, generateFiles } from '@nx/devkit';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { saysWhatToDo } from '../../../../libs/contracts/generator/names.mjs';
import { CONTRACTS, passGate, readContracts } from '../contracts.mjs';
import { addDecision } from '../decision/add-decision.mjs';
import { bringUpToDate } from '../derived.mjs';
import { camel, capital, kebab, oneLine, oneOf, pascal, plural, requireKebab, words } from '../names.mjs';
import { addCaller, addCommand } from '../proto.mjs';
import { repositoriesOf } from '../repositories.mjs';
import { thingOf } from '../service/blueprint.mjs';
import { SourceFile } from '../typescript.mjs';
import { addScope, openChannel, sendTo } from '../workspace.mjs';
import { fileOf, messagesOf, rpcOf, serviceOf } from './proto.mjs';

const FILES = join(dirname(fileURLToPath(import.meta.url)), 'files');

/**
 * @param {import('@nx/devkit').Tree} tree
 * @param {{receiver: string, name: string, caller?: string, description?: string}} options as in schema.json
 * @throws Error in one sentence, if the command may not be
 */
export default async function generateCommand(tree, { receiver, name, caller = 'orders', description }) {
  const declarations = await readContracts(tree);
  const { constant } = declarations.service(receiver);
  const sender = declarations.service(caller).constant;
  requireCommand(declarations, name);
  requireCaller(tree, { receiver, caller });
  const type = pascal(name);
  const { repository, thing, finds, of } = repositoryOf(tree, receiver);
  const existing = declarations.contracts.commandFiles
    .flatMap((file) => file.services)
    .find((service) => service.name === serviceOf(receiver));
  const scope = existing ? declarations.contracts.declared(existing, 'commands').scope : `${thing.things}:command`;

  const rpc = rpcOf(type, oneLine(description || `${capital(words(name))}.`));
  const messages = messagesOf(type, { of, thing });
  if (existing) {
    addCommand(tree, declarations, existing, rpc, messages);
    const after = await readContracts(tree);
    addCaller(tree, after, after.contracts.registry.getService(existing.typeName), sender);
  } else
    tree.write(
      `${CONTRACTS}/commands/${receiver}/v1/${receiver}_commands.proto`,
      fileOf({ receiver, constant, callers: [sender], scope, rpc, messages }),
    );
  await passGate(tree);

  const decision = addDecision(tree, {
    service: receiver,
    does: name,
    thing,
    why: `${capital(oneOf(thing.path))} was asked to change by a command.`,
  });
  generateFiles(tree, join(FILES, 'handler'), `apps/${receiver}/src/commands`, {
    path: name,
    type,
    decision,
    repository,
    thing,
    finds,
    of,
  });
  new SourceFile(tree, `apps/${receiver}/src/${receiver}.messages.ts`)
    .import(`Answer${type}`, `./commands/answer-${name}`)
    .addToArray('answers', `Answer${type}`);
  if (!existing) openChannel(tree, { receiver, manifest: `${camel(receiver)}Messages` });
  addScope(tree, scope, `Send commands to ${receiver}`);
  if (!tree.exists(`apps/${caller}/src/commands/${receiver}-client.ts`)) {
    const upper = { CALLER: caller.toUpperCase(), RECEIVER: receiver.toUpperCase() };
    generateFiles(tree, join(FILES, 'client'), `apps/${caller}/src/commands`, {
      receiver,
      caller,
      Caller: pascal(caller),
      ...upper,
      scope,
    });
    sendTo(tree, { caller, receiver, scope });
  }
  await formatFiles(tree);
  return bringUpToDate(
    tree.root,
    `Decide in apps/${receiver}/src/domain/${decision.file}.ts what follows, refuse with a Refusal, and send it from ${caller} (docs/commands.md).`,
  );
}

/** @throws Error if the name is no order, or is taken */
function requireCommand({ contracts, things }, name) {
  requireKebab(name, 'a command');
  if (!saysWhatToDo(pascal(name), things))
    throw new Error(
      `"${name}" does not say what to do but must, because a command is a request; begin it with a verb and name what it is done to, as cancel-shipment does.`,
    );
  const taken = contracts.commandFiles
    .flatMap((file) => file.services.flatMap((service) => service.methods))
    .find((method) => method.name === pascal(name));
  if (taken) throw new Error(`The command ${name} is declared already, for ${taken.parent.name}; name the new one otherwise.`);
}

/** @throws Error if the caller may not send, or has no token of its own */
function requireCaller(tree, { receiver, caller }) {
  if (caller === receiver) throw new Error(`${receiver} cannot send commands to itself; call its domain instead.`);
  const settings = tree.read(`apps/${caller}/src/${caller}.config.ts`, 'utf8') ?? '';
  if (!settings.includes(`${caller.toUpperCase()}_CLIENT_SECRET`))
    throw new Error(
      `${caller} has no token of its own to send commands with; give it a persona and ${caller.toUpperCase()}_CLIENT_SECRET as orders has (docs/access.md), or name another caller.`,
    );
}

/** @throws Error if the service has no repository that finds and changes */
function repositoryOf(tree, service) {
  for (const { type, file, methods, aggregate } of repositoriesOf(tree, service)) {
    const finds = methods.find((method) => /^findBy[A-Z]\w*$/.test(method));
    if (!finds) continue;
    const path = kebab(finds.slice('findBy'.length));
    const of = {
      ...thingOf(path),
      name: `${path.replaceAll('-', '_')}_id`,
      localName: `${camel(path)}Id`,
      constant: path.replaceAll('-', '_').toUpperCase(),
    };
    return {
      repository: { type, file, name: camel(plural(aggregate)) },
      thing: { ...thingOf(aggregate), things: plural(aggregate) },
      finds,
      of,
    };
  }
  throw new Error(
    `${service} has no repository in src/storage that finds something by an id (findBy…) and changes it; write the command by hand (docs/commands.md).`,
  );
}
