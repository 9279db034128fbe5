import { create, ScalarType, type DescEnum, type DescField, type DescMessage, type FileRegistry } from '@bufbuild/protobuf';
import { InvalidPayloadError, validate } from '@past-tense/contracts';
import { commentOf, deprecatedSinceOf, isPersonal, readersOf } from './contract';
import { messageRulesInWords, rulesInWords, rulesOf, ruleSetOf, type FieldRules, type RuleSet } from './rules';

/** A JSON Schema, as an AsyncAPI document holds it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

const INTEGERS_OF_64_BITS = new Set([ScalarType.INT64, ScalarType.SINT64, ScalarType.SFIXED64, ScalarType.UINT64, ScalarType.FIXED64]);
const UNSIGNED = new Set([ScalarType.UINT32, ScalarType.FIXED32, ScalarType.UINT64, ScalarType.FIXED64]);
// Formats that JSON Schema knows by a name. https://json-schema.org/understanding-json-schema/reference/type#format
const FORMATS: Readonly<Record<string, string>> = {
  uuid: 'uuid',
  email: 'email',
  hostname: 'hostname',
  ipv4: 'ipv4',
  ipv6: 'ipv6',
  uri: 'uri',
  uriRef: 'uri-reference',
};
// How proto JSON writes these. https://protobuf.dev/programming-guides/json/
const WELL_KNOWN: Readonly<Record<string, JsonSchema>> = {
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
  'google.protobuf.Duration': { type: 'string', pattern: '^-?[0-9]+(\\.[0-9]+)?s$' },
  'google.protobuf.FieldMask': { type: 'string' },
  'google.protobuf.Empty': { type: 'object' },
};

/**
 * The schemas of a message and of everything in it, by full name: what proto JSON makes of it, with the rules that JSON Schema can say.
 * They refer to each other below `#/components/schemas/`. https://protobuf.dev/programming-guides/json/
 */
export function payloadSchemas(
  registry: FileRegistry,
  message: DescMessage,
  into = new Map<string, JsonSchema>(),
): Map<string, JsonSchema> {
  if (into.has(message.typeName)) return into;
  into.set(message.typeName, {}); // Holds the place of a message that is inside itself.
  const properties = message.fields.map((field) => [field.jsonName, fieldSchema(registry, field, into)] as const);
  const required = fieldsThatMustBeThere(message);
  into.set(message.typeName, {
    type: 'object',
    title: message.name,
    description: [commentOf(message), ...messageRulesInWords(registry, message)].join(' '),
    ...(required.length > 0 && { required }),
    properties: Object.fromEntries(properties),
  });
  return into;
}

/**
 * The fields without which a message is refused. Proto JSON leaves a field out when it holds the default, so those are required of which the
 * default breaks a rule.
 */
function fieldsThatMustBeThere(message: DescMessage): string[] {
  try {
    validate(message, create(message));
    return [];
  } catch (error) {
    if (!(error instanceof InvalidPayloadError)) throw error;
    const refused = new Set(error.violations.map(({ field }) => field));
    return message.fields.filter(({ name }) => refused.has(name)).map(({ jsonName }) => jsonName);
  }
}

function fieldSchema(registry: FileRegistry, field: DescField, into: Map<string, JsonSchema>): JsonSchema {
  const rules = rulesOf(registry, field);
  const since = deprecatedSinceOf(registry, field);
  const about = {
    description: [commentOf(field), ...beyondJsonSchema(registry, field)].join(' '),
    // The rules are about the text, which is sealed on the wire for those who may read it.
    ...(isPersonal(registry, field) && { 'x-personal': true, 'x-sealed-for': readersOf(registry, field) }),
    ...(field.deprecated && { deprecated: true }),
    ...(since && { 'x-deprecated-since': since }),
  };
  switch (field.fieldKind) {
    case 'list': {
      const { minItems, maxItems, unique, items } = rules.repeated ?? {};
      const each = elementSchema(registry, { ...field, rules: items ?? {} }, into);
      return defined({ type: 'array', ...about, minItems: number(minItems), maxItems: number(maxItems), uniqueItems: unique, items: each });
    }
    case 'map': {
      const { minPairs, maxPairs, values } = rules.map ?? {};
      const each = elementSchema(registry, { ...field, rules: values ?? {} }, into);
      return defined({
        type: 'object',
        ...about,
        minProperties: number(minPairs),
        maxProperties: number(maxPairs),
        additionalProperties: each,
      });
    }
    case 'message':
      // What stands beside a $ref is not read, so both are said to hold.
      return { ...about, allOf: [elementSchema(registry, { ...field, rules }, into)] };
    case 'enum':
    case 'scalar':
      return { ...elementSchema(registry, { ...field, rules }, into), ...about };
  }
}

/** One value of a field: the field itself, or one of its items. */
interface Element {
  readonly scalar?: ScalarType | undefined;
  readonly enum?: DescEnum | undefined;
  readonly message?: DescMessage | undefined;
  readonly rules: FieldRules;
}

function elementSchema(registry: FileRegistry, { scalar, enum: of, message, rules }: Element, into: Map<string, JsonSchema>): JsonSchema {
  if (message) {
    const wellKnown = WELL_KNOWN[message.typeName];
    if (wellKnown) return wellKnown;
    payloadSchemas(registry, message, into);
    return { $ref: `#/components/schemas/${message.typeName}` };
  }
  return of ? enumSchema(of, rules) : scalarSchema(scalar!, ruleSetOf(rules));
}

function enumSchema(of: DescEnum, rules: FieldRules): JsonSchema {
  const { notIn, in: allowed } = ruleSetOf(rules) as { notIn?: number[]; in?: number[] };
  const values = of.values.filter(({ number: value }) => !notIn?.includes(value) && (allowed?.includes(value) ?? true));
  return {
    type: 'string',
    enum: values.map(({ name }) => name),
    'x-enum-descriptions': Object.fromEntries(values.map((value) => [value.name, commentOf(value)])),
  };
}

function scalarSchema(scalar: ScalarType, rules: RuleSet): JsonSchema {
  if (scalar === ScalarType.STRING) return textSchema(rules);
  if (scalar === ScalarType.BYTES) return { type: 'string', contentEncoding: 'base64' };
  if (scalar === ScalarType.BOOL) return defined({ type: 'boolean', const: rules['const'] });
  if (scalar === ScalarType.DOUBLE || scalar === ScalarType.FLOAT) return numberSchema('number', rules);
  const unsigned = UNSIGNED.has(scalar);
  if (INTEGERS_OF_64_BITS.has(scalar))
    return { type: 'string', pattern: unsigned || Number(rules['gte'] ?? rules['gt']) >= 0 ? '^[0-9]+$' : '^-?[0-9]+$' };
  return numberSchema('integer', unsigned && rules['gt'] === undefined ? { gte: 0, ...rules } : rules);
}

function textSchema(rules: RuleSet): JsonSchema {
  const format = Object.keys(FORMATS).find((name) => rules[name] === true);
  return defined({
    type: 'string',
    format: format && FORMATS[format],
    minLength: number(rules['minLen'] ?? rules['len']),
    maxLength: number(rules['maxLen'] ?? rules['len']),
    pattern: rules['pattern'],
    const: rules['const'],
    enum: rules['in'],
  });
}

function numberSchema(type: string, rules: RuleSet): JsonSchema {
  return defined({
    type,
    minimum: rules['gte'],
    maximum: rules['lte'],
    exclusiveMinimum: rules['gt'],
    exclusiveMaximum: rules['lt'],
    const: rules['const'],
    enum: rules['in'],
  });
}

/** What the schema of a field cannot say, in words: the bounds of a number that proto JSON writes as text, and rules in CEL. */
function beyondJsonSchema(registry: FileRegistry, field: DescField): string[] {
  const rules = rulesOf(registry, field);
  const unsaid = (field.scalar && INTEGERS_OF_64_BITS.has(field.scalar)) || rules.cel || rules.celExpression;
  const words = rulesInWords(registry, field);
  return unsaid && words.length > 0 ? [`(${words.join('; ')})`] : [];
}

const number = (value: unknown) => (value === undefined ? undefined : Number(value));

function defined(schema: Record<string, unknown>): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined));
}
