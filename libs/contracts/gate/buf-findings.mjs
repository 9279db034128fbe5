// What buf finds, said with the reason and what to do instead.
import { ROOT } from './contracts.mjs';

const KEEP = 'undo it, and add something new beside it instead';
const NEW_VERSION = 'undo it, or declare a new version of the event beside this one';
const DEPRECATE = 'keep it, and mark it with `deprecated = true`';
const READ_AS_OTHER = 'what was written before would be read as something else';
const NAMES = 'JSON, the catalogue and the code of every service use that name';

// https://buf.build/docs/breaking/rules
const BREAKING = {
  FIELD_SAME_TYPE: [READ_AS_OTHER, 'undo it, add a new field of the other type, and deprecate this one'],
  FIELD_SAME_CARDINALITY: [
    'what was written before would be read with other values or lose some',
    'undo it, and add a new field beside it',
  ],
  FIELD_SAME_NAME: [NAMES, 'undo it, or add a new field of that name and deprecate this one'],
  FIELD_SAME_JSON_NAME: [NAMES, 'leave `json_name` as it was'],
  FIELD_SAME_ONEOF: ['a reader would drop a value as soon as another of the oneof follows', 'undo it, and add a new field beside it'],
  FIELD_SAME_DEFAULT: ['a field that was left out would be read as another value', KEEP],
  FIELD_SAME_JSTYPE: ['the generated type of the field would change in every service', KEEP],
  FIELD_NO_DELETE: ['consumers may still read it', DEPRECATE],
  ONEOF_NO_DELETE: ['a reader would take fields together that exclude each other', KEEP],
  MESSAGE_NO_DELETE: ['what was written before can hold it and nobody could read it', NEW_VERSION],
  MESSAGE_SAME_REQUIRED_FIELDS: ['readers refuse what was written without it', KEEP],
  ENUM_NO_DELETE: ['what was written before can hold its values and nobody could read them', KEEP],
  ENUM_SAME_TYPE: ['values that a reader does not know would get lost', KEEP],
  ENUM_VALUE_NO_DELETE: ['events that were written before hold the value', DEPRECATE],
  ENUM_VALUE_SAME_NAME: [READ_AS_OTHER, 'undo it, and add a new value with the next number'],
  FILE_NO_DELETE: ['services and events that were written before need what is in it', 'put it back'],
  FILE_SAME_PACKAGE: ['the name of every type in it, which stands in `ce_type` of old events, would change', NEW_VERSION],
  FILE_SAME_SYNTAX: ['fields would be present, closed or required by other rules', KEEP],
  RESERVED_MESSAGE_NO_DELETE: ['another field could take the number or name and be read as the old one', 'put the `reserved` line back'],
  RESERVED_ENUM_NO_DELETE: ['another value could take the number or name and be read as the old one', 'put the `reserved` line back'],
  EXTENSION_NO_DELETE: ['declarations that were released use the option', 'put it back'],
  SERVICE_NO_DELETE: ['callers that are running still send its commands', 'keep it, and mark it with `option deprecated = true`'],
  RPC_NO_DELETE: ['callers that are running still send the command', 'keep it, and mark it with `option deprecated = true`'],
  PACKAGE_NO_DELETE: ['what was written before can hold its types and nobody could read them', NEW_VERSION],
};
// Families of rules, by how their names begin.
const BREAKING_FAMILIES = [
  ['RPC_SAME_', 'callers that are running send and expect the other', 'undo it, and add a new rpc beside it'],
  ['PACKAGE_', 'what was written before can hold it and nobody could read it', NEW_VERSION],
  ['FILE_SAME_', 'the code generated from it would move in other languages', 'leave the option as it was'],
  ['FIELD_', READ_AS_OTHER, KEEP],
  ['ENUM_', READ_AS_OTHER, KEEP],
  ['', 'services and events that were written before count on it', KEEP],
];

// https://buf.build/docs/lint/rules
const LINT = {
  ENUM_ZERO_VALUE_SUFFIX: ['zero is what a reader gets where nothing was written', 'name the value 0 so, and let it say nothing'],
  ENUM_FIRST_VALUE_ZERO: ['zero is what a reader gets where nothing was written', 'begin with a value that says nothing'],
  ENUM_NO_ALLOW_ALIAS: ['one number would have two meanings', 'leave one name'],
  PACKAGE_VERSION_SUFFIX: ['a breaking change is a new version beside the old one', 'end the package with .v1'],
  PACKAGE_DIRECTORY_MATCH: ['a type is looked for where its name says', 'move the file'],
  IMPORT_NO_PUBLIC: ['a file would break when another one changes its imports', 'import what is used'],
  IMPORT_USED: ['the schema registry would be given a file that nobody needs', 'take the import away'],
  PROTOVALIDATE: ['the rule could never be checked', 'correct it'],
};
const LINT_FAMILIES = [
  ['COMMENT_', 'the catalogue of events is made of these comments', 'write above it what it is'],
  ['FIELD_', 'one convention makes names predictable in every language', 'follow it'],
  ['', 'all contracts follow one convention (buf lint)', 'follow it'],
];

/** Adds what `buf lint` found. */
export function addLint(findings, found, folderOf) {
  for (const one of found) findings.add(placeOf(one, folderOf), obliged(sentenceOf(one)), ...explain(one.type, LINT, LINT_FAMILIES));
}

/** Adds what `buf build` could not compile. */
export function addCompile(findings, found) {
  for (const one of found) {
    const file = one.path ? `${ROOT}/${one.path}` : `${ROOT}/buf.yaml`;
    findings.add({ file, line: one.start_line }, `it must compile (${sentenceOf(one)})`, 'nothing can be checked before', 'correct it');
  }
}

/** Adds what `buf breaking` found. Of a file that is gone it names the path in the sentence only. */
export function addBreaking(findings, found, folderOf) {
  for (const one of found) {
    const gone = one.path ? undefined : /file "([^"]+)"/.exec(one.message)?.[1];
    const end = / (was|were) (deleted|removed)\b/.test(sentenceOf(one)) ? 'and must not be' : 'and must not';
    findings.add(
      placeOf({ ...one, path: one.path ?? gone ?? '' }, folderOf),
      `${sentenceOf(one)} ${end}`,
      ...explain(one.type, BREAKING, BREAKING_FAMILIES),
    );
  }
}

function explain(type, rules, families) {
  return rules[type] ?? families.find(([beginning]) => type.startsWith(beginning)).slice(1);
}

const placeOf = ({ path, start_line: line }, folderOf) => ({
  file: `${ROOT}/${folderOf(path, /_commands\.proto$/.test(path))}/${path}`,
  line,
});
/** Most of buf's sentences say what should or must be; the others only what is. */
const obliged = (sentence) => (/ (should|must) /.test(sentence) ? sentence : `${sentence}, which may not be`);
/** One sentence, without a slip of buf's own (`"Name"q moved`). */
const sentenceOf = ({ message }) =>
  message
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/\.$/, '')
    .replace(/\. (?=[A-Z])/g, '; ')
    .replace(/"q(?= )/g, '"');
