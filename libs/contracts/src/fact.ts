import { create, type DescEnum, type DescField, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { createValidator } from '@bufbuild/protovalidate';
import { factNameOf, topicOf, type Topic } from './catalogue';
import { personalFieldsOf } from './personal-fields';
import { isSealed } from './sealed';

/** Something that happened, not yet in an envelope. */
export interface Fact<D extends DescMessage = DescMessage> {
  readonly type: D;
  readonly data: MessageShape<D>;
  /** The same fact in newer versions of the event. */
  readonly newer?: readonly Fact[];
}

const validator = createValidator();

/** States a fact: `fact(OrderCompleted, { orderId })`. */
export function fact<D extends DescMessage>(type: D, data: MessageInitShape<D>): Fact<D> {
  return { type, data: create(type, data) };
}

/**
 * States one fact in several versions of its event, oldest first: `inVersions(fact(OrderPlaced, …), fact(OrderPlacedV2, …))`. Which of them are
 * published is a setting; all of them are one event to whoever consumes more than one.
 * @throws Error if they are not versions of one event about one aggregate
 */
export function inVersions(oldest: Fact, ...newer: Fact[]): Fact {
  const { topic, key } = routeOf(oldest);
  let { version } = topic;
  for (const other of newer) {
    const route = routeOf(other);
    if (factNameOf(route.topic) !== factNameOf(topic) || route.topic.version <= version || route.key !== key || other.newer)
      throw new Error(`${other.type.typeName} does not state the same fact as ${oldest.type.typeName} in a newer version.`);
    ({ version } = route.topic);
  }
  return { ...oldest, newer };
}

/** The topic a fact travels on and its key, the aggregate's id. */
export function routeOf({ type, data }: Fact): { topic: Topic; key: string } {
  const topic = topicOf(type);
  return { topic, key: (data as unknown as Record<string, string>)[topic.key]! };
}

/** A field that breaks a rule of its contract. */
export interface Violation {
  /** Path of the field, such as `address.postal_code`; empty for a rule about the whole. */
  readonly field: string;
  /** What is wrong, without the value. */
  readonly description: string;
}

/** A payload that breaks the rules written beside its fields. The message names every broken rule and no value. */
export class InvalidPayloadError extends Error {
  override name = 'InvalidPayloadError';
  constructor(
    message: string,
    readonly violations: readonly Violation[] = [],
  ) {
    super(message);
  }
}

/**
 * Checks a payload against the rules written beside its fields in the .proto file. The rules of a personal field are about its text: as long as that
 * is sealed, whoever sealed it has checked them.
 * @throws InvalidPayloadError naming each field and what is wrong with it
 */
export function validate<D extends DescMessage>(type: D, data: MessageShape<D>): void {
  const violations = violationsOf(type, data, { sealed: true });
  if (violations.length > 0) throw invalid(type, violations);
}

/**
 * Checks a payload before it is published. Stricter than what consumers check: an enum may hold only what this build declares, because what
 * nobody declared nobody can acknowledge.
 * @throws InvalidPayloadError naming each field and what is wrong with it
 */
export function validateOwn<D extends DescMessage>(type: D, data: MessageShape<D>): void {
  const violations = [...violationsOf(type, data, { sealed: false }), ...(holdsEnums(type) ? undeclaredIn(reflect(type, data)) : [])];
  if (violations.length > 0) throw invalid(type, violations);
}

function violationsOf<D extends DescMessage>(type: D, data: MessageShape<D>, allowed: { sealed: boolean }): Violation[] {
  const result = validator.validate(type, data);
  if (result.kind === 'valid') return [];
  if (result.kind === 'error') throw new InvalidPayloadError(`${type.typeName} could not be checked: ${result.error.message}`);
  const personal = allowed.sealed ? new Set(personalFieldsOf(type).map(({ name }) => name)) : undefined;
  const broken = personal?.size ? result.violations.filter(({ field }) => !isSealedAt(data, field, personal)) : result.violations;
  return broken.map(({ field, message }) => ({ field: field.map(nameOf).join('.'), description: message }));
}

function invalid(type: DescMessage, violations: readonly Violation[]): InvalidPayloadError {
  const broken = violations.map(({ field, description }) => (field ? `${field}: ${description}` : description));
  return new InvalidPayloadError(`${type.typeName} is not valid: ${broken.join('; ')}.`, violations);
}

const withEnums = new WeakMap<DescMessage, boolean>();

/** Whether an enum is anywhere in a payload; most have none, and are not searched each time. */
function holdsEnums(type: DescMessage): boolean {
  const known = withEnums.get(type) ?? hasEnum(type, new Set());
  withEnums.set(type, known);
  return known;
}

function hasEnum(type: DescMessage, seen: Set<DescMessage>): boolean {
  if (seen.has(type)) return false; // A message inside itself adds nothing.
  seen.add(type);
  return type.fields.some((field) => field.enum !== undefined || (field.message !== undefined && hasEnum(field.message, seen)));
}

function undeclaredIn(message: ReflectMessage, path = ''): Violation[] {
  return message.fields.flatMap((field) => {
    if (!message.isSet(field)) return [];
    const { enum: declared } = field;
    return valuesOf(message, field).flatMap((value): Violation[] => {
      if (declared) return undeclared(declared, Number(value), path + field.name);
      return field.message ? undeclaredIn(value as ReflectMessage, `${path}${field.name}.`) : [];
    });
  });
}

function undeclared({ value: values, typeName }: DescEnum, value: number, field: string): Violation[] {
  return values[value] ? [] : [{ field, description: `must be a declared value of ${typeName}` }];
}

function valuesOf(message: ReflectMessage, field: DescField): unknown[] {
  const value = message.get(field);
  if (field.fieldKind === 'list' || field.fieldKind === 'map') return [...(value as unknown as { values(): Iterable<unknown> }).values()];
  return [value];
}

/** Whether what a path leads to is a personal text that is sealed. */
function isSealedAt(data: unknown, path: readonly object[], personal: ReadonlySet<string>): boolean {
  const name = path.flatMap((part) => ('name' in part ? [part.name] : [])).join('.');
  return personal.has(name) && isSealed(path.reduce((value, part) => stepInto(value, part), data));
}

function stepInto(value: unknown, part: object): unknown {
  const key = 'localName' in part ? part.localName : 'index' in part ? part.index : undefined;
  return (value as Record<string, unknown> | undefined)?.[String(key)];
}

function nameOf(part: object): string {
  if ('name' in part) return String(part.name);
  return 'index' in part ? String(part.index) : 'entry';
}
