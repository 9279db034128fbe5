// A payload as TypeScript writes it.
import { ScalarType } from '@bufbuild/protobuf';
import { quoted } from '../names.mjs';

const LONG = new Set([ScalarType.INT64, ScalarType.UINT64, ScalarType.SINT64, ScalarType.FIXED64, ScalarType.SFIXED64]);
const NANOS = 1_000_000;

/**
 * What `fact(Event, …)` takes, made from an example in the JSON of Protobuf.
 * @param {import('@bufbuild/protobuf').DescMessage} message
 * @param {object} example
 * @param {Record<string, string>} [given] code for some of the fields, by their names in the code
 */
export function literalOf(message, example, given = {}) {
  const members = message.fields.flatMap((field) => {
    if (given[field.localName])
      return [given[field.localName] === field.localName ? field.localName : `${field.localName}: ${given[field.localName]}`];
    const value = example[field.jsonName];
    if (value === undefined) return [];
    const code = valueOf(field, value);
    if (!field.oneof) return [`${field.localName}: ${code}`];
    return [`${field.oneof.localName}: { case: '${field.localName}', value: ${code} }`];
  });
  return `{ ${members.join(', ')} }`;
}

function valueOf(field, value) {
  if (field.fieldKind === 'list') return `[${value.map((one) => singleOf(field, one)).join(', ')}]`;
  if (field.fieldKind === 'map') return JSON.stringify(value);
  return singleOf(field, value);
}

function singleOf({ message, enum: values, scalar }, value) {
  if (message?.typeName === 'google.protobuf.Timestamp')
    return `{ seconds: ${Math.floor(Date.parse(value) / 1000)}n, nanos: ${(Date.parse(value) % 1000) * NANOS} }`;
  if (message) return literalOf(message, value);
  if (values) return String(values.values.find(({ name }) => name === value)?.number ?? value);
  if (LONG.has(scalar)) return `${value}n`;
  return typeof value === 'string' ? quoted(value) : String(value);
}
