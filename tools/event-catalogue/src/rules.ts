import { hasOption, type DescEnum, type DescField, type DescMessage, type FileRegistry } from '@bufbuild/protobuf';
import { optionOf, requiredExtension } from './contract';

/** The rules of one field, as protovalidate's `buf.validate.FieldRules` are in proto JSON. https://protovalidate.com */
export interface FieldRules {
  readonly required?: boolean;
  readonly ignore?: string;
  readonly cel?: readonly CelRule[];
  readonly celExpression?: readonly string[];
  readonly repeated?: RuleSet & { readonly items?: FieldRules };
  readonly map?: RuleSet & { readonly keys?: FieldRules; readonly values?: FieldRules };
  readonly [type: string]: unknown;
}

interface CelRule {
  readonly message?: string;
  readonly expression?: string;
}

/** Rules of one type, such as `{ minLen: "1", maxLen: "64" }`. */
export type RuleSet = Readonly<Record<string, unknown>>;

const ABOUT_THE_FIELD = new Set(['required', 'ignore', 'cel', 'celExpression']);
const FORMATS: Readonly<Record<string, string>> = {
  uuid: 'UUID',
  tuuid: 'UUID without dashes',
  ulid: 'ULID',
  uri: 'URI',
  ip: 'IP address',
};

/** The rules that stand beside a field. */
export function rulesOf(registry: FileRegistry, field: DescField): FieldRules {
  const option = requiredExtension(registry, 'buf.validate.field');
  return hasOption(field, option) ? optionOf<FieldRules>(registry, option, field) : {};
}

/** The rules of one field of a type, and the name of that type's rules. */
export function ruleSetOf(rules: FieldRules): RuleSet {
  const type = Object.keys(rules).find((name) => !ABOUT_THE_FIELD.has(name));
  return type ? (rules[type] as RuleSet) : {};
}

/** The rules of a field in words, such as `1 to 200 characters`. */
export function rulesInWords(registry: FileRegistry, field: DescField): string[] {
  return inWords(rulesOf(registry, field), field.enum);
}

/** The rules that hold for a message as a whole, in words. */
export function messageRulesInWords(registry: FileRegistry, message: DescMessage): string[] {
  const option = requiredExtension(registry, 'buf.validate.message');
  const { cel, celExpression, oneof } = hasOption(message, option)
    ? optionOf<{ cel?: CelRule[]; celExpression?: string[]; oneof?: { fields: string[]; required?: boolean }[] }>(registry, option, message)
    : {};
  return [
    ...celInWords(cel, celExpression),
    ...(oneof ?? []).map(({ fields, required }) => `${required ? 'exactly' : 'at most'} one of ${fields.map(code).join(', ')}`),
  ];
}

function inWords(rules: FieldRules, of: DescEnum | undefined): string[] {
  const { items, keys, values, ...own } = ruleSetOf(rules);
  const each = (name: string, inner: unknown) => (inner ? inWords(inner as FieldRules, of).map((words) => `${name}: ${words}`) : []);
  return [
    ...(rules.required ? ['required'] : []),
    ...ruleSetInWords(own, unitOf(rules), of),
    ...each('each', items),
    ...each('each key', keys),
    ...each('each value', values),
    ...celInWords(rules.cel, rules.celExpression),
    ...(rules.ignore === 'IGNORE_IF_ZERO_VALUE' ? ['or left out'] : []),
    ...(rules.ignore === 'IGNORE_ALWAYS' ? ['not checked'] : []),
  ];
}

/** What is counted by a length. */
function unitOf(rules: FieldRules): string {
  return rules['bytes'] ? 'bytes' : 'characters';
}

function celInWords(cel: readonly CelRule[] = [], expressions: readonly string[] = []): string[] {
  return [...cel.map(({ message, expression }) => message ?? code(expression ?? '')), ...expressions.map(code)];
}

function ruleSetInWords(rules: RuleSet, unit: string, of: DescEnum | undefined): string[] {
  const { minLen, maxLen, len, minBytes, maxBytes, minItems, maxItems, minPairs, maxPairs, gt, gte, lt, lte, ...others } = rules;
  return [
    ...between(minLen ?? len, maxLen ?? len, ` ${unit}`),
    ...between(minBytes, maxBytes, ' bytes'),
    ...between(minItems, maxItems, ' items'),
    ...between(minPairs, maxPairs, ' entries'),
    ...between(gte, lte, ''),
    ...(gt === undefined ? [] : [`more than ${text(gt)}`]),
    ...(lt === undefined ? [] : [`less than ${text(lt)}`]),
    ...Object.entries(others).map(([name, value]) => ruleInWords(name, value, of)),
  ];
}

function between(from: unknown, to: unknown, unit: string): string[] {
  if (from === undefined && to === undefined) return [];
  if (to === undefined) return [`at least ${text(from)}${unit}`];
  if (from === undefined) return [`at most ${text(to)}${unit}`];
  return from === to ? [`exactly ${text(from)}${unit}`] : [`${text(from)} to ${text(to)}${unit}`];
}

function ruleInWords(name: string, value: unknown, of: DescEnum | undefined): string {
  const values = () => [value].flat().map((one) => code(of ? (of.value[Number(one)]?.name ?? text(one)) : text(one)));
  switch (name) {
    case 'pattern':
      return `matches ${code(text(value))}`;
    case 'const':
      return `always ${values().join()}`;
    case 'in':
      return `one of ${values().join(', ')}`;
    case 'notIn':
      return `not ${values().join(', ')}`;
    case 'prefix':
      return `begins with ${code(text(value))}`;
    case 'suffix':
      return `ends with ${code(text(value))}`;
    case 'unique':
      return 'none of them twice';
    case 'definedOnly':
      return 'a declared value';
    default:
      return value === true ? (FORMATS[name] ?? plain(name)) : `${plain(name)} ${code(text(value))}`;
  }
}

/** The name of a rule in words: `ipv4Prefix` is an `ipv4 prefix`. */
const plain = (name: string) => name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, ' ').toLowerCase();
const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
const code = (value: string) => `\`${value}\``;
