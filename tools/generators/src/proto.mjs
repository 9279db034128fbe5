// Changes of .proto files, at the places that the compiler gives for what is declared in them.

// Numbers of descriptor.proto: the messages, enums and services of a file, and their options.
const MESSAGE = 4;
const ENUM = 5;
const SERVICE = 6;
const OPTIONS = { [MESSAGE]: 7, [SERVICE]: 3 };
// Numbers of past_tense.contract.v1.
const TOPIC = 50100;
const PRODUCER = 9;
const CONSUMERS = 10;
const COMMANDS = 50120;
const RECEIVER = 1;
const CALLERS = 2;

/** Adds a service to those that may consume a topic. */
export function addConsumer(tree, { contracts }, topic, constant) {
  const path = [MESSAGE, topic.event.file.proto.messageType.indexOf(topic.event.proto), OPTIONS[MESSAGE], TOPIC];
  const consumers = topic.consumers ?? [];
  if (consumers.includes(constant)) return;
  setList(tree, contracts, topic.event.file, {
    path,
    list: CONSUMERS,
    after: PRODUCER,
    text: `consumers: [${[...consumers, constant].join(', ')}]`,
  });
}

/** Adds a service to those that may send the commands of a service of commands. */
export function addCaller(tree, { contracts }, service, constant) {
  const path = [SERVICE, service.file.proto.service.indexOf(service.proto), OPTIONS[SERVICE], COMMANDS];
  const { callers = [] } = contracts.declared(service, 'commands');
  if (callers.includes(constant)) return;
  setList(tree, contracts, service.file, { path, list: CALLERS, after: RECEIVER, text: `callers: [${[...callers, constant].join(', ')}]` });
}

/** Adds a team or a service to those that are declared. */
export function addOwner(tree, { contracts }, kind, text) {
  const { file } = contracts.registry.getEnum(`past_tense.contract.v1.${kind}`);
  const index = file.enums.findIndex(({ name }) => name === kind);
  atEnd(tree, contracts, file, [ENUM, index], text);
}

/** Adds an rpc at the end of a service of commands, and its messages at the end of the file. */
export function addCommand(tree, { contracts }, service, rpc, messages) {
  atEnd(tree, contracts, service.file, [SERVICE, service.file.proto.service.indexOf(service.proto)], rpc);
  const path = contracts.pathOf(service.file);
  tree.write(path, `${tree.read(path, 'utf8').trimEnd()}\n\n${messages}`);
}

/** Writes a list of an option anew, or adds it after another setting. */
function setList(tree, contracts, file, { path, list, after, text }) {
  const [start, end] = spanOf(file, [...path, list, 0]) ?? [];
  if (start) return splice(tree, contracts, file, start, end, text);
  const [before, place] = spanOf(file, [...path, after]);
  splice(tree, contracts, file, place, place, `\n${' '.repeat(before.column)}${text}`);
}

/** Puts text before the brace that ends a declaration. */
function atEnd(tree, contracts, file, path, text) {
  const [, end] = spanOf(file, path);
  const brace = { line: end.line, column: end.column - 1 };
  splice(tree, contracts, file, brace, brace, text);
}

/** Where something is declared, as descriptor.proto's SourceCodeInfo says it: lines and columns from zero. */
function spanOf(file, path) {
  const found = file.proto.sourceCodeInfo.location.find((location) => location.path.join() === path.join());
  if (!found) return undefined;
  const [line, column, ...rest] = found.span;
  const [endLine, endColumn] = rest.length === 2 ? rest : [line, ...rest];
  return [
    { line, column },
    { line: endLine, column: endColumn },
  ];
}

function splice(tree, contracts, file, start, end, text) {
  const path = contracts.pathOf(file);
  const bytes = tree.read(path);
  const lines = bytes.toString('utf8').split('\n');
  const offset = ({ line, column }) => Buffer.byteLength(lines.slice(0, line).join('\n')) + (line > 0 ? 1 : 0) + column;
  tree.write(path, Buffer.concat([bytes.subarray(0, offset(start)), Buffer.from(text), bytes.subarray(offset(end))]));
}
