// The contracts as a compiled image: what is declared in them, and where.
import { createFileRegistry, fromBinary, getOption, hasOption, toJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const CONTRACT = 'past_tense.contract.v1';
// The contract's own language, value types and imported rules; every other package holds events or commands.
const WITHOUT_EVENTS = /^(past_tense|money|buf|google)\./;
const VENDOR = /^(buf|google)\./;
/** Where findings say that a file is, whatever folder was checked. */
export const ROOT = 'libs/contracts';

/** Contracts as they were compiled, with source info if lines are to be told. */
export class Contracts {
  #all;
  #folders;
  #paths = new Map();
  #options = new Map();
  #lines = new Map();

  /**
   * @param {import('@bufbuild/protobuf/wkt').FileDescriptorSet} image
   * @param {(name: string, isOfCommands: boolean) => string} folderOf the folder that a file lies in: proto, commands or vendor
   */
  constructor(image, folderOf) {
    this.image = image;
    this.registry = createFileRegistry(image);
    this.#all = image.file.map(({ name }) => this.registry.getFile(name));
    this.files = this.#all.filter((file) => !isOfOthers(file));
    this.#folders = new Map(
      image.file.map((proto) => [proto.name, folderOf(proto.name, this.registry.getFile(proto.name).services.length > 0)]),
    );
    for (const file of this.files) this.#paths.set(file.proto, []);
    for (const file of this.files) for (const [desc, path] of declarationsOf(file.proto)) this.#paths.set(desc, path);
  }

  /** Files of events: one event each, with its topic. */
  get eventFiles() {
    return this.files.filter((file) => !isWithoutEvents(file) && this.folderOf(file) === 'proto');
  }

  /** Files of services of commands. */
  get commandFiles() {
    return this.files.filter((file) => !isWithoutEvents(file) && this.folderOf(file) === 'commands');
  }

  /** Files that are neither: value types, and the language of the contracts itself. */
  get otherFiles() {
    return this.files.filter(isWithoutEvents);
  }

  /** Every event: a message of an event file that declares a topic. */
  get events() {
    return this.eventFiles.flatMap((file) => file.messages).filter((message) => this.declares(message, 'topic'));
  }

  /** Every message that was not declared elsewhere, nested ones included. */
  get messages() {
    return this.files.flatMap((file) => file.messages.flatMap(withNested));
  }

  /** The options that contracts may have: extensions of descriptor.proto. */
  get options() {
    return this.files.flatMap((file) => file.extensions);
  }

  /** Every enum, nested ones included. */
  get enums() {
    return this.files.flatMap((file) => [...file.enums, ...file.messages.flatMap(withNested).flatMap((message) => message.nestedEnums)]);
  }

  /** Files whose package is of others and that lie among ours, or the other way round. */
  get strangers() {
    return this.#all.filter((file) => isOfOthers(file) !== (this.folderOf(file) === 'vendor'));
  }

  /** Files of others where such files lie, which are not checked. */
  get vendored() {
    return this.#all.filter((file) => isOfOthers(file) && this.folderOf(file) === 'vendor');
  }

  folderOf(file) {
    return this.#folders.get(file.proto.name);
  }

  /** Whether a declaration says something with an option of ours, such as `topic`. */
  declares(desc, option) {
    const extension = this.#extension(`${CONTRACT}.${option}`);
    return extension !== undefined && hasOption(desc, extension);
  }

  /** What an option of ours says, as JSON with the names of its enum values; undefined for a scalar that is not set. */
  declared(desc, option) {
    return this.#read(desc, `${CONTRACT}.${option}`);
  }

  /** The topic a message declares; empty if it declares none. */
  topicOf(message) {
    return this.declared(message, 'topic') ?? {};
  }

  /** The rules of protovalidate beside a field, a oneof or a message, or those that a rule of our own stands for, as JSON. */
  rulesOf(desc) {
    const kind = { field: 'field', oneof: 'oneof', message: 'message', extension: 'predefined' }[desc.kind];
    return this.#read(desc, `buf.validate.${kind}`) ?? {};
  }

  #read(desc, name) {
    const extension = this.#extension(name);
    if (!extension || !hasOption(desc, extension)) return undefined;
    const value = getOption(desc, extension);
    if (extension.fieldKind === 'message') return toJson(extension.message, value, { registry: this.registry });
    if (extension.fieldKind === 'list' && extension.enum)
      return value.map((number) => extension.enum.value[number]?.name ?? String(number));
    return value;
  }

  #extension(name) {
    if (!this.#options.has(name)) this.#options.set(name, this.registry.getExtension(name));
    return this.#options.get(name);
  }

  /**
   * Where something is declared.
   * @param {object} desc a file, message, field, enum, value, oneof, service or rpc
   * @param {string} [setting] a field of what its option declares (topic, commands or service), such as `partitions`; where it is not set the
   *   whole declaration is meant
   */
  placeOf(desc, setting) {
    const file = desc.kind === 'file' ? desc : fileOf(desc);
    const path = this.#paths.get(desc.proto) ?? [];
    const declared = setting && this.#settingPath(desc, setting);
    const lines = [declared && [...path, ...declared], declared && [...path, ...declared.slice(0, 2)], path].map((one) =>
      one ? this.#lineOf(file.proto, one) : undefined,
    );
    return { file: this.pathOf(file), line: lines.find((line) => line !== undefined) ?? 1 };
  }

  /** The file's path from the root of the repository. */
  pathOf(file) {
    return `${ROOT}/${this.folderOf(file)}/${file.proto.name}`;
  }

  #lineOf(proto, path) {
    if (!this.#lines.has(proto))
      this.#lines.set(proto, new Map(proto.sourceCodeInfo?.location.map((location) => [location.path.join('.'), location.span[0] + 1])));
    return this.#lines.get(proto).get(path.join('.'));
  }

  #settingPath(desc, setting) {
    const [name, options] = { service: ['commands', 3], enum_value: ['service', 3], message: ['topic', 7] }[desc.kind];
    const extension = this.#extension(`${CONTRACT}.${name}`);
    const field = extension?.message.fields.find((candidate) => candidate.name === setting);
    return field && [options, extension.number, field.number, ...(field.fieldKind === 'list' ? [0] : [])];
  }
}

/** The image in these bytes, without what buf notes in it for itself. */
export function readImage(bytes) {
  const image = fromBinary(FileDescriptorSetSchema, bytes);
  for (const file of image.file) delete file.$unknown;
  return image;
}

/** Says which folder of the contracts in `home` a file lies in. One that is gone lay where its kind lies. */
export const foldersIn = (home) => (name, isOfCommands) =>
  ['proto', 'commands', 'vendor'].find((folder) => existsSync(join(home, folder, name))) ??
  (/^(buf|google)\//.test(name) ? 'vendor' : isOfCommands ? 'commands' : 'proto');

/** The message and the messages declared inside it. */
export const withNested = (message) => [message, ...message.nestedMessages.flatMap(withNested)];

/** The version in the package of a message or an enum. */
export const versionOf = ({ file }) => Number(/\.v(\d+)$/.exec(file.proto.package)?.[1] ?? 1);

/** The name that all versions of an event share, for example `order.OrderPlaced`. */
export const factNameOf = (message) => message.typeName.replace(/\.v\d+\./, '.');

/** `OrderPlaced.Line` of `order.v1.OrderPlaced.Line`: a type's name as people say it. */
export const nameOf = (desc) => desc.typeName.slice(fileOf(desc).proto.package.length + 1);

/** The messages that occur in a payload, the payload's own type first, each once. */
export function messagesIn(message, found = new Set()) {
  if (found.has(message)) return found;
  found.add(message);
  for (const field of message.fields) if (field.message) messagesIn(field.message, found);
  return found;
}

/** The enums that occur in a payload, each once. */
export const enumsIn = (message) =>
  new Set([...messagesIn(message)].flatMap((one) => one.fields.map((field) => field.enum)).filter((one) => one !== undefined));

const isOfOthers = (file) => VENDOR.test(`${file.proto.package}.`);
const isWithoutEvents = (file) => WITHOUT_EVENTS.test(`${file.proto.package}.`);

function fileOf(desc) {
  return desc.file ?? fileOf(desc.parent);
}

/** Every declaration in a file with its path, as descriptor.proto's SourceCodeInfo counts it. */
function* declarationsOf(file) {
  for (const [i, message] of file.messageType.entries()) yield* declarationsIn(message, [4, i]);
  for (const [i, one] of file.enumType.entries()) yield* valuesOf(one, [5, i]);
  for (const [i, service] of file.service.entries()) {
    yield [service, [6, i]];
    for (const [j, method] of service.method.entries()) yield [method, [6, i, 2, j]];
  }
  for (const [i, extension] of file.extension.entries()) yield [extension, [7, i]];
}

function* declarationsIn(message, path) {
  yield [message, path];
  for (const [i, field] of message.field.entries()) yield [field, [...path, 2, i]];
  for (const [i, nested] of message.nestedType.entries()) yield* declarationsIn(nested, [...path, 3, i]);
  for (const [i, one] of message.enumType.entries()) yield* valuesOf(one, [...path, 4, i]);
  for (const [i, oneof] of message.oneofDecl.entries()) yield [oneof, [...path, 8, i]];
}

function* valuesOf(one, path) {
  yield [one, path];
  for (const [i, value] of one.value.entries()) yield [value, [...path, 2, i]];
}
