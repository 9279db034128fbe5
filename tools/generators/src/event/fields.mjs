// What an event says: the kinds of fields that can be asked for, and how each is declared.
import { createHash } from 'node:crypto';
import { capital, words } from '../names.mjs';

const NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const KINDS = {
  uuid: { type: 'string', rule: '[(buf.validate.field).string.uuid = true]', example: (name) => exampleId(name) },
  text: {
    type: 'string',
    rule: '[(buf.validate.field).string = {\n    min_len: 1\n    max_len: 200\n  }]',
    example: (name) => words(name.replaceAll('_', '-')),
  },
  money: {
    type: 'money.v1.Money',
    rule: '[(buf.validate.field).required = true]',
    example: () => ({ minorUnits: '4498', currency: 'EUR' }),
  },
};

/**
 * Reads `order_id,amount:money`.
 * @returns {{name: string, kind: string}[]}
 * @throws Error if it is none of that
 */
export function parseFields(text = '') {
  const fields = text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
    .map((part) => {
      const [name, kind = name.endsWith('_id') ? 'uuid' : 'text', ...rest] = part.split(':');
      if (!NAME.test(name)) throw new Error(`"${name}" is no name for a field: write it in snake_case, such as order_id.`);
      if (rest.length > 0 || !Object.hasOwn(KINDS, kind))
        throw new Error(
          `"${part}" is no field: its kind is one of ${Object.keys(KINDS).join(', ')}, as in amount:money. Write others into the .proto file.`,
        );
      return { name, kind };
    });
  const twice = fields.find(({ name }, i) => fields.findIndex((other) => other.name === name) !== i);
  if (twice) throw new Error(`The field ${twice.name} is there twice; leave one of them out.`);
  return fields;
}

/** A field as it stands in a .proto file, with its comment. */
export function declarationOf({ name, kind }, number) {
  const { type, rule } = KINDS[kind];
  const what = words(name.replace(/_id$/, '').replaceAll('_', '-'));
  const comment = kind === 'uuid' ? `The ${what}.` : `${capital(what)}.`;
  return `  // ${comment}\n  ${type} ${name} = ${number} ${rule};`;
}

/** A value of a field, in the JSON of Protobuf. The same name always has the same. */
export const exampleOf = ({ name, kind }) => KINDS[kind].example(name);

/** A UUID of version 7 that stays the same. */
function exampleId(name) {
  const hex = createHash('sha256').update(name).digest('hex');
  return `019aa4d2-${hex.slice(0, 4)}-7${hex.slice(4, 7)}-9${hex.slice(7, 10)}-${hex.slice(10, 22)}`;
}
