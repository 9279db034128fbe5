// Names as they are written in each place, and names that nobody may take.
import { wordsOf } from '../../../libs/contracts/generator/names.mjs';
import ts from 'typescript';

const KEBAB = /^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$/;
const ONE_WORD = /^[a-z][a-z0-9]*$/;
// What a generated file names as well, and packages of the contracts that hold no events.
const TAKEN_BY_FILES = new Set(
  `column data database decide decision entity event fact facts fresh id index logger map module money now outbox producer promise reaction record row
  runner said status transaction version`.split(/\s+/),
);
// Rooms without a meaning, which the house does not have.
const MEANS_NOTHING = /^(common|shared|utils?|helpers?|misc)$/;
const TAKEN_PACKAGES = new Set(['past_tense', 'money', 'buf', 'google']);

/** `invoice-issued` as `InvoiceIssued`. */
export const pascal = (kebab) => kebab.split('-').map(capital).join('');
/** `invoice-issued` as `invoiceIssued`. */
export const camel = (kebab) => kebab.replace(/-./g, ([, letter]) => letter.toUpperCase());
/** `invoice-issued` as `invoice_issued`. */
export const snake = (kebab) => kebab.replaceAll('-', '_');
/** `InvoiceIssued` or `invoice_issued` as `invoice-issued`. */
export const kebab = (name) => wordsOf(name).join('-');
/** `invoice-issued` as `invoice issued`. */
export const words = (kebab) => kebab.replaceAll('-', ' ');
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
/** `an invoice`, `a payment`. */
/** A sentence in one line. */
export const oneLine = (text) => text.replace(/\s+/g, ' ').trim();
/** A text as TypeScript writes it. */
export const quoted = (text) => `'${text.replace(/[\\']/g, '\\$&')}'`;
export const oneOf = (thing) => `${/^[aeiou]/.test(thing) ? 'an' : 'a'} ${words(thing)}`;

/** `invoices`, `deliveries`, `batches`. */
export function plural(thing) {
  if (/[^aeiou]y$/.test(thing)) return `${thing.slice(0, -1)}ies`;
  return /(s|x|z|ch|sh)$/.test(thing) ? `${thing}es` : `${thing}s`;
}

/** @throws Error if it is not in kebab-case */
export function requireKebab(name, what) {
  if (!KEBAB.test(name)) throw new Error(`"${name}" is no name for ${what}: write it in kebab-case, such as ${suggestion(name)}.`);
}

/** @throws Error if a service cannot be named so */
export function requireServiceName(name) {
  if (!ONE_WORD.test(name))
    throw new Error(
      `"${name}" is no name for a service: it names its folder, its database and its variables, so write one word of small letters, such as ${suggestion(name).replaceAll('-', '')}.`,
    );
  if (MEANS_NOTHING.test(name))
    throw new Error(`"${name}" is no name for a service, because it says nothing of what is in it; name what it does.`);
  if (TAKEN_BY_FILES.has(name)) throw new Error(`"${name}" is no name for a service: it means something else here; choose another word.`);
  if (isReserved(name)) throw new Error(`"${name}" is no name for a service: it is a reserved word of TypeScript.`);
}

/** @throws Error if an aggregate cannot be named so */
export function requireAggregate(name) {
  requireKebab(name, 'an aggregate');
  if (isReserved(camel(name)) || TAKEN_BY_FILES.has(name) || TAKEN_PACKAGES.has(snake(name)))
    throw new Error(`"${name}" is no name for an aggregate: it means something else here; choose another word.`);
}

const suggestion = (name) => kebab(name.replace(/[^A-Za-z0-9]+/g, ' ').trim()) || 'invoice';

function isReserved(word) {
  const scanner = ts.createScanner(ts.ScriptTarget.Latest, true, ts.LanguageVariant.Standard, word);
  const token = scanner.scan();
  return token >= ts.SyntaxKind.FirstReservedWord && token <= ts.SyntaxKind.LastFutureReservedWord;
}
