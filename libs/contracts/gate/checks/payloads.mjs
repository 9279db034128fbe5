// Payloads are lean: ids and facts. What the rules beside the fields allow is bounded, and the bound is small.
import { ScalarType } from '@bufbuild/protobuf';
import { nameOf, withNested } from '../contracts.mjs';
import { longestMatch } from './longest-match.mjs';

const MAX_BYTES = 64 * 1024;
const MAX_DEPTH = 3;
const MAX_FIELDS = 30;
/** UTF-8 writes a character in up to so many bytes; protovalidate counts characters. */
const BYTES_PER_CHARACTER = 4;
const ALLOWED_OF_GOOGLE = new Set(['google.protobuf.Timestamp', 'google.protobuf.Duration']);
const ID = /(^|_)id$/;

const VARINT_BYTES = { [ScalarType.BOOL]: 1, [ScalarType.UINT32]: 5, [ScalarType.SINT32]: 5 };
const FIXED_BYTES = {
  [ScalarType.FIXED32]: 4,
  [ScalarType.SFIXED32]: 4,
  [ScalarType.FLOAT]: 4,
  [ScalarType.FIXED64]: 8,
  [ScalarType.SFIXED64]: 8,
  [ScalarType.DOUBLE]: 8,
};
// RFC 4122, RFC 1035, RFC 4291 as text; an address with its prefix length has four characters more.
const FORMAT_BYTES = {
  uuid: 36,
  tuuid: 32,
  hostname: 253,
  address: 253,
  ip: 45,
  ipv4: 15,
  ipv6: 45,
  ipWithPrefixlen: 49,
  ipv4WithPrefixlen: 18,
  ipv6WithPrefixlen: 49,
  ipPrefix: 49,
  ipv4Prefix: 18,
  ipv6Prefix: 49,
};

/**
 * @param {{contracts: object, findings: object}} gate
 */
export function checkPayloads({ contracts, findings }) {
  for (const event of contracts.events) {
    const payload = new Payload(contracts, findings);
    const bytes = payload.sizeOf(event, []);
    const add = (...sentence) => findings.add(contracts.placeOf(event), ...sentence);
    if (payload.fields > MAX_FIELDS)
      add(
        `${event.typeName} may not have ${payload.fields} fields in all`,
        'an event says what happened and is no read model',
        `leave at most ${MAX_FIELDS}, and let consumers ask for the rest by id`,
      );
    if (bytes > MAX_BYTES)
      add(
        `${event.typeName} may not become ${bytes} bytes long`,
        `a payload has at most ${MAX_BYTES}, so that a burst of them fits into memory`,
        'lower the rules max_items and max_len, or let consumers ask for the rest by id',
      );
  }
  for (const field of contracts.eventFiles.flatMap((file) => file.messages.flatMap(withNested)).flatMap((message) => message.fields))
    if (contracts.declared(field, 'personal') && ID.test(field.name) && !isKey(contracts, field))
      findings.add(
        contracts.placeOf(field),
        `${nameOf(field.parent)}.${field.name} may not be an id that is marked as personal`,
        'ids are in logs, in headers and in databases of others, and cannot be forgotten',
        'use an id that says nothing about a person, or name the field for what it is',
      );
}

const isKey = (contracts, field) => contracts.topicOf(field.parent).key === field.name;

/** Adds up the longest payload of one event. What has no bound is a finding and counts as nothing. */
class Payload {
  fields = 0;
  #contracts;
  #findings;

  constructor(contracts, findings) {
    this.#contracts = contracts;
    this.#findings = findings;
  }

  sizeOf(message, above) {
    let bytes = 0;
    for (const field of message.fields) {
      this.fields += 1;
      bytes += this.#fieldSize(field, [...above, message]);
    }
    return bytes;
  }

  #fieldSize(field, above) {
    const rules = this.#contracts.rulesOf(field);
    const tag = varintBytes(field.number * 8);
    if (field.fieldKind === 'list') {
      const items = this.#count(field, 'max_items', rules.repeated?.maxItems);
      return items * (tag + this.#valueSize(field, rules.repeated?.items ?? {}, above));
    }
    if (field.fieldKind !== 'map') return tag + this.#valueSize(field, rules, above);
    const pairs = this.#count(field, 'max_pairs', rules.map?.maxPairs);
    if (field.message) {
      this.#refuse(
        field,
        'may not be a map of messages',
        'nobody can tell what a payload with names of its own holds',
        'declare a repeated message',
      );
      return 0;
    }
    const pair =
      2 + this.#scalarSize(field, field.mapKey, rules.map?.keys ?? {}, 'its keys') + this.#valueSize(field, rules.map?.values ?? {}, above);
    return pairs * (tag + varintBytes(pair) + pair);
  }

  #valueSize(field, rules, above) {
    if (field.message) return this.#messageSize(field, above);
    if (field.enum) return 10;
    return this.#scalarSize(field, field.scalar, rules, field.fieldKind === 'scalar' ? 'it' : 'each of it');
  }

  #messageSize(field, above) {
    const { message } = field;
    if (message.typeName.startsWith('google.protobuf.')) {
      if (!ALLOWED_OF_GOOGLE.has(message.typeName)) this.#refuse(field, `may not be a ${message.typeName}`, ...whyNotOfGoogle(message));
      return 24;
    }
    if (above.includes(message)) {
      this.#refuse(
        field,
        `may not hold a ${nameOf(message)} inside a ${nameOf(message)}`,
        'such a payload has no end',
        'name the other by its id',
      );
      return 0;
    }
    if (above.length >= MAX_DEPTH) {
      this.#refuse(
        field,
        `may not be nested ${above.length + 1} deep`,
        `a payload is at most ${MAX_DEPTH} messages deep, the event being the first`,
        'move its fields up, or name the other by its id',
      );
      return 0;
    }
    const bytes = this.sizeOf(message, above);
    return varintBytes(bytes) + bytes;
  }

  #scalarSize(field, scalar, rules, what) {
    if (scalar !== ScalarType.STRING && scalar !== ScalarType.BYTES) return FIXED_BYTES[scalar] ?? VARINT_BYTES[scalar] ?? 10;
    const plain = scalar === ScalarType.STRING ? longestText(rules) : longestBytes(rules);
    const bytes = this.#contracts.declared(field, 'personal') ? sealedBytes(plain) : plain;
    if (Number.isFinite(bytes)) return varintBytes(bytes) + bytes;
    this.#refuse(
      field,
      'must have a longest length',
      `${what} could fill the topic`,
      scalar === ScalarType.STRING ? 'add a rule such as `max_len`, `uuid`, `in` or a pattern with an end' : 'add the rule `max_len`',
    );
    return 0;
  }

  #count(field, rule, limit) {
    if (limit !== undefined) return Number(limit);
    this.#refuse(field, `must have a ${rule}`, 'it could fill the topic', `add the rule \`${rule}\``);
    return 0;
  }

  #refuse(field, what, why, remedy) {
    this.#findings.add(this.#contracts.placeOf(field), `${nameOf(field.parent)}.${field.name} ${what}`, why, remedy);
  }
}

/** Why a type of google.protobuf does not fit a payload, and what to declare instead. */
function whyNotOfGoogle({ name }) {
  if (/^(Any|Struct|Value|ListValue)$/.test(name))
    return ['it holds anything, and a contract says what', 'declare a message or a field with its rules'];
  if (/^(Double|Float|U?Int32|U?Int64|Bool|String|Bytes)Value$/.test(name))
    return ['`optional` says as well that a value can be missing', 'declare an `optional` field of the type that it wraps'];
  if (name === 'Empty') return ['it holds nothing', 'leave the field out, or declare what it is to say'];
  return ['it describes messages and says nothing of a fact', 'declare a message or a field with its rules'];
}

/** How long a text becomes when it is sealed: a prefix, and base64 of the text, a nonce and a tag (libs/contracts/src/sealed.ts). */
const sealedBytes = (bytes) => 10 + Math.ceil(((bytes + 28) * 4) / 3);

/** The longest text, in bytes, that the rules let through. */
function longestText({ string = {}, ignore }) {
  if (ignore === 'IGNORE_ALWAYS') return Infinity;
  const bounds = Object.entries(FORMAT_BYTES).map(([format, bytes]) => (string[format] ? bytes : Infinity));
  for (const characters of [string.maxLen, string.len]) bounds.push(Number(characters ?? Infinity) * BYTES_PER_CHARACTER);
  for (const bytes of [string.maxBytes, string.lenBytes]) bounds.push(Number(bytes ?? Infinity));
  if (string.const !== undefined) bounds.push(Buffer.byteLength(string.const));
  if (string.in?.length) bounds.push(Math.max(...string.in.map((one) => Buffer.byteLength(one))));
  if (string.pattern !== undefined) bounds.push(longestMatch(string.pattern));
  return Math.min(...bounds);
}

function longestBytes({ bytes = {}, ignore }) {
  if (ignore === 'IGNORE_ALWAYS') return Infinity;
  const bounds = [Number(bytes.maxLen ?? Infinity), Number(bytes.len ?? Infinity)];
  const lengthOf = (base64) => Buffer.from(base64, 'base64').length;
  if (bytes.const !== undefined) bounds.push(lengthOf(bytes.const));
  if (bytes.in?.length) bounds.push(Math.max(...bytes.in.map(lengthOf)));
  if (bytes.ip || bytes.ipv6) bounds.push(16);
  if (bytes.ipv4) bounds.push(4);
  return Math.min(...bounds);
}

function varintBytes(value) {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}
