import { getOption, type DescEnum, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { commentOf, deprecatedSinceOf, isPersonal, readersOf, requiredExtension, type Contract } from '../contract';
import { anchorOf, page, prose, table } from '../markdown';
import { messageRulesInWords, rulesInWords } from '../rules';
import { deprecationInWords } from '../version-state';

/** The schema of an event as tables: its fields, then each message and enum in it. */
export function payloadTables(contract: Contract, event: DescMessage, key: string): string {
  const [, ...inner] = messagesIn(event);
  const nameOf = (desc: DescMessage | DescEnum) =>
    desc.typeName.replace(`${event.typeName}.`, '').replace(`${event.file.proto.package}.`, '');
  const type = (field: DescField) => typeOf(field, nameOf);
  return page(
    fieldTable(contract, event, type, key),
    ...inner.flatMap((message) => [`### ${nameOf(message)}`, aboutMessage(contract, message), fieldTable(contract, message, type)]),
    ...enumsIn(event).flatMap((of) => [`### ${nameOf(of)}`, prose(commentOf(of)), valueTable(contract, of)]),
  ).trimEnd();
}

/** What a message says, and the rules that hold for it as a whole. */
export function aboutMessage({ registry }: Contract, message: DescMessage): string {
  const rules = messageRulesInWords(registry, message);
  return prose(commentOf(message)) + (rules.length > 0 ? ` Rules: ${prose(rules.join('; '))}.` : '');
}

function fieldTable({ registry }: Contract, message: DescMessage, type: (field: DescField) => string, key?: string): string {
  if (message.fields.length === 0) return 'It has no fields.';
  const rows = message.fields.map((field) => {
    const since = deprecatedSinceOf(registry, field);
    const marks = [
      ...(field.name === key ? ['**The key.**'] : []),
      ...(isPersonal(registry, field) ? [personalInWords(readersOf(registry, field))] : []),
      ...(field.deprecated || since ? [`**${since ? capital(deprecationInWords(since)) : 'Deprecated'}.**`] : []),
    ];
    const choice = field.oneof ? [`at most one of \`${field.oneof.name}\``] : [];
    return [
      `\`${field.name}\``,
      String(field.number),
      type(field),
      prose([...rulesInWords(registry, field), ...choice].join('; ')),
      [prose(commentOf(field)), ...marks].join(' '),
    ];
  });
  return table(['field', 'no.', 'type', 'rules', 'what it says'], rows);
}

/** A command is not sealed and names no readers: whoever answers it reads it. */
const personalInWords = (readers: readonly string[]) =>
  readers.length > 0 ? `**Personal**, sealed for ${readers.join(', ')}.` : '**Personal.**';

function valueTable({ registry, services }: Contract, of: DescEnum): string {
  const option = requiredExtension(registry, 'past_tense.contract.v1.acknowledged_by');
  const declared = registry.getEnum('past_tense.contract.v1.Service');
  const acknowledging = of.values.map((value) => {
    const names = (getOption(value, option) as number[]).map((number) =>
      declared?.value[number]?.name.replace(/^SERVICE_/, '').toLowerCase(),
    );
    return services.filter(({ name }) => names.includes(name.replaceAll('-', '_'))).map(({ name }) => name);
  });
  const later = acknowledging.some((names) => names.length > 0);
  const rows = of.values.map((value, i) => [
    `\`${value.name}\``,
    String(value.number),
    prose(commentOf(value)) + (value.deprecated ? ' **Deprecated.**' : ''),
    ...(later ? [acknowledging[i]!.join(', ')] : []),
  ]);
  return table(['value', 'no.', 'what it says', ...(later ? ['acknowledged by'] : [])], rows);
}

function typeOf(field: DescField, nameOf: (desc: DescMessage | DescEnum) => string): string {
  const desc = field.message ?? field.enum;
  const one = desc && isShown(desc) ? `[${nameOf(desc)}](#${anchorOf(nameOf(desc))})` : `\`${desc?.typeName ?? scalarOf(field)}\``;
  if (field.fieldKind === 'list') return `list of ${one}`;
  if (field.fieldKind === 'map') return `map to ${one}`;
  return one;
}

/** The name of a scalar type as .proto files have it. */
function scalarOf(field: DescField): string {
  return SCALARS[field.scalar!]!;
}

// By the numbers of FieldDescriptorProto.Type.
const SCALARS: Readonly<Record<number, string>> = {
  1: 'double',
  2: 'float',
  3: 'int64',
  4: 'uint64',
  5: 'int32',
  6: 'fixed64',
  7: 'fixed32',
  8: 'bool',
  9: 'string',
  12: 'bytes',
  13: 'uint32',
  15: 'sfixed32',
  16: 'sfixed64',
  17: 'sint32',
  18: 'sint64',
};

/** A message and every message in it, each once, the outer ones first. */
function messagesIn(message: DescMessage, found: DescMessage[] = []): DescMessage[] {
  if (found.includes(message) || !isShown(message)) return found;
  found.push(message);
  for (const field of message.fields) if (field.message) messagesIn(field.message, found);
  return found;
}

/** Every enum in a message, each once. */
function enumsIn(message: DescMessage): DescEnum[] {
  return [...new Set(messagesIn(message).flatMap(({ fields }) => fields.flatMap((field) => (field.enum ? [field.enum] : []))))].filter(
    isShown,
  );
}

/** Whether a type has a table; those of Protobuf itself are described elsewhere. */
function isShown({ typeName }: DescMessage | DescEnum): boolean {
  return !typeName.startsWith('google.protobuf.');
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
