import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { createValidator } from '@bufbuild/protovalidate';
import { topicOf, type Topic } from './catalogue';

/** Something that happened, not yet in an envelope. */
export interface Fact<D extends DescMessage = DescMessage> {
  readonly type: D;
  readonly data: MessageShape<D>;
}

const validator = createValidator();

/** States a fact: `fact(OrderCompleted, { orderId })`. */
export function fact<D extends DescMessage>(type: D, data: MessageInitShape<D>): Fact<D> {
  return { type, data: create(type, data) };
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
 * Checks a payload against the rules written beside its fields in the .proto file.
 * @throws InvalidPayloadError naming each field and what is wrong with it
 */
export function validate<D extends DescMessage>(type: D, data: MessageShape<D>): void {
  const result = validator.validate(type, data);
  if (result.kind === 'valid') return;
  if (result.kind === 'error') throw new InvalidPayloadError(`${type.typeName} could not be checked: ${result.error.message}`);
  const violations = result.violations.map(({ field, message }) => ({ field: field.map(nameOf).join('.'), description: message }));
  const broken = violations.map(({ field, description }) => (field ? `${field}: ${description}` : description));
  throw new InvalidPayloadError(`${type.typeName} is not valid: ${broken.join('; ')}.`, violations);
}

function nameOf(part: object): string {
  if ('name' in part) return String(part.name);
  return 'index' in part ? String(part.index) : 'entry';
}
