// Fields and versions of events that are gone. They are judged here, by the deprecations that were released, and taken out of the baseline;
// what buf then finds missing has no such excuse.
import { clone, create } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createValidator } from '@bufbuild/protovalidate';
import { enumsIn, factNameOf, messagesIn, nameOf, versionOf } from '../contracts.mjs';
import { daysAfter } from '../days.mjs';
import { NOTICE_DAYS } from './deprecations.mjs';

/**
 * @param {{contracts: object, baseline: object, findings: object, today: string}} gate
 * @returns {import('@bufbuild/protobuf/wkt').FileDescriptorSet} the baseline without what is gone and was judged
 */
export function checkRemovals(gate) {
  const { contracts, baseline } = gate;
  const pruned = clone(FileDescriptorSetSchema, baseline.image);
  const orphans = new Set();
  const events = new Set(contracts.events.map(({ typeName }) => typeName));
  for (const event of baseline.events) {
    if (events.has(event.typeName) || contracts.registry.getMessage(event.typeName)) continue;
    judgeEvent(gate, event);
    withoutFile(pruned, event.file.proto.name);
    for (const type of typesIn(event)) orphans.add(type);
  }
  for (const message of baseline.messages) {
    const now = contracts.registry.getMessage(message.typeName);
    if (!now) continue;
    const gone = message.fields.filter((field) => !now.fields.some(({ number }) => number === field.number));
    for (const field of gone) judgeField(gate, field, now);
    if (gone.length > 0) withoutFields(pruned, message, new Set(gone.map(({ number }) => number)));
    for (const type of gone.flatMap(typesOf)) orphans.add(type);
  }
  withoutOrphans(pruned, contracts, orphans);
  return pruned;
}

/** The types that a field brings into a payload, those inside them included. */
const typesOf = (field) => (field.message ? typesIn(field.message) : field.enum ? [field.enum] : []);
const typesIn = (message) => [...messagesIn(message), ...enumsIn(message)];

function judgeEvent({ contracts, baseline, findings, today }, event) {
  const { name, deprecatedSince } = baseline.topicOf(event);
  const still = contracts.registry.getFile(event.file.proto.name);
  const place = { file: baseline.placeOf(event).file, line: still ? contracts.placeOf(still).line : 1 };
  const newer = contracts.events.some((other) => factNameOf(other) === factNameOf(event) && versionOf(other) > versionOf(event));
  const sentence = judge(deprecatedSince, today);
  if (sentence)
    findings.add(
      place,
      `${event.typeName} may not be removed${sentence.until}`,
      `its consumers and the events on ${name} need it`,
      newer || sentence.until ? sentence.remedy : 'keep it, declare the version that replaces it beside it, and deprecate this one then',
    );
  else if (!newer)
    findings.add(
      place,
      `${event.typeName} may not be removed`,
      'no newer version of the event would be left',
      'keep it, or add the newer version that replaces it',
    );
}

function judgeField(gate, field, message) {
  const { contracts, baseline, findings, today } = gate;
  const name = `${nameOf(field.parent)}.${field.name}`;
  const place = contracts.placeOf(message);
  const sentence = judge(baseline.declared(field, 'deprecated_since'), today);
  if (sentence) findings.add(place, `${name} may not be removed${sentence.until}`, 'consumers may still read it', sentence.remedy);
  else {
    const { reservedRange, reservedName } = message.proto;
    const isReserved = reservedRange.some(({ start, end }) => start <= field.number && field.number < end);
    if (!isReserved || !reservedName.includes(field.name))
      findings.add(
        place,
        `${name} is removed and its number and name must be reserved`,
        'another field could take them and be read as the old one',
        `add \`reserved ${field.number};\` and \`reserved "${field.name}";\` to ${message.name}`,
      );
    if (isDemanded(gate, field))
      findings.note(
        place,
        `${name} is removed, and consumers that were built before refuse what comes without it; deploy its consumers first.`,
      );
  }
}

/** Whether the rules that were released refuse a message without the field. */
function isDemanded({ baseline }, field) {
  const { violations = [] } = createValidator({ registry: baseline.registry }).validate(field.parent, create(field.parent));
  return violations.some((violation) => violation.field[0] === field);
}

/** What is to be said about a removal; undefined if the deprecation of that day allows it. */
function judge(since, today) {
  if (!since)
    return {
      until: '',
      remedy: `keep it, add \`deprecated = true\` and \`deprecated_since\`, release that, and remove it ${NOTICE_DAYS} days later`,
    };
  const allowed = daysAfter(since, NOTICE_DAYS);
  if (allowed <= today) return undefined;
  return {
    until: ` before ${allowed}`,
    remedy: `keep it until then: it is deprecated since ${since}, and its users have ${NOTICE_DAYS} days`,
  };
}

/** Takes a file out of the image, unless another one needs it: then it is left for buf to miss. */
function withoutFile(image, name) {
  const needed = image.file.some(({ dependency }) => dependency.includes(name));
  if (!needed) image.file = image.file.filter((file) => file.name !== name);
}

function withoutFields(image, message, numbers) {
  const proto = protoOf(image, message);
  proto.field = proto.field.filter(({ number }) => !numbers.has(number));
  const used = new Set(proto.field.filter(hasOneof).map(({ oneofIndex }) => oneofIndex));
  const kept = proto.oneofDecl.map((_, i) => i).filter((i) => used.has(i));
  proto.oneofDecl = kept.map((i) => proto.oneofDecl[i]);
  for (const field of proto.field.filter(hasOneof)) field.oneofIndex = kept.indexOf(field.oneofIndex);
  // A map's pairs are a message that the compiler declares, and nobody can keep it.
  const isLeft = ({ name }) => proto.field.some(({ typeName }) => typeName === `.${message.typeName}.${name}`);
  proto.nestedType = proto.nestedType.filter((nested) => !nested.options?.mapEntry || isLeft(nested));
}

const hasOneof = (field) => Object.hasOwn(field, 'oneofIndex');

/** Types that only removed fields and events had may go with them, and then the types that only those had. */
function withoutOrphans(image, contracts, types) {
  const left = new Set(
    [...types].filter(({ typeName }) => !(contracts.registry.getMessage(typeName) ?? contracts.registry.getEnum(typeName))),
  );
  for (let before = Infinity; left.size < before;) {
    before = left.size;
    for (const type of left) {
      if (image.file.some((file) => file.messageType.some((message) => mentions(message, `.${type.typeName}`)))) continue;
      withoutType(image, contracts, type);
      left.delete(type);
    }
  }
}

function withoutType(image, contracts, type) {
  const file = image.file.find(({ name }) => name === type.file.proto.name);
  if (!file) return;
  const isOther = ({ name }) => name !== type.name;
  const parent = type.parent && protoOf(image, type.parent);
  if (parent) {
    parent.nestedType = parent.nestedType.filter(isOther);
    parent.enumType = parent.enumType.filter(isOther);
  } else if (!type.parent) {
    file.messageType = file.messageType.filter(isOther);
    file.enumType = file.enumType.filter(isOther);
  }
  const isEmpty = [file.messageType, file.enumType, file.service, file.extension].every(({ length }) => length === 0);
  if (!isEmpty || contracts.registry.getFile(file.name)) return;
  image.file = image.file.filter((one) => one !== file);
  for (const one of image.file) one.dependency = one.dependency.filter((name) => name !== file.name);
}

const mentions = (message, typeName) =>
  message.field.some((field) => field.typeName === typeName) || message.nestedType.some((nested) => mentions(nested, typeName));

function protoOf(image, message) {
  if (message.parent) return protoOf(image, message.parent)?.nestedType.find(({ name }) => name === message.name);
  return image.file.find(({ name }) => name === message.file.proto.name)?.messageType.find(({ name }) => name === message.name);
}
