// Fields and versions of events that are gone. They are judged here, by the deprecations that were released, and taken out of the baseline;
// what buf then finds missing has no such excuse.
import { clone, create } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createValidator } from '@bufbuild/protovalidate';
import { daysAfter, factNameOf, nameOf, versionOf } from '../contracts.mjs';
import { NOTICE_DAYS } from './deprecations.mjs';

/**
 * @param {{contracts: object, baseline: object, findings: object, today: string}} gate
 * @returns {import('@bufbuild/protobuf/wkt').FileDescriptorSet} the baseline without what is gone and was judged
 */
export function checkRemovals(gate) {
  const { contracts, baseline } = gate;
  const pruned = clone(FileDescriptorSetSchema, baseline.image);
  const events = new Set(contracts.events.map(({ typeName }) => typeName));
  for (const event of baseline.events) {
    if (events.has(event.typeName) || contracts.registry.getMessage(event.typeName)) continue;
    judgeEvent(gate, event);
    withoutFile(pruned, event.file.proto.name);
  }
  const orphans = [];
  for (const message of baseline.messages) {
    const now = contracts.registry.getMessage(message.typeName);
    if (!now) continue;
    const gone = message.fields.filter((field) => !now.fields.some(({ number }) => number === field.number));
    for (const field of gone) judgeField(gate, field, now);
    if (gone.length > 0) withoutFields(pruned, message, new Set(gone.map(({ number }) => number)));
    orphans.push(...gone.map((field) => field.message ?? field.enum).filter((type) => type?.parent));
  }
  for (const type of orphans) withoutOrphan(pruned, contracts, type);
  return pruned;
}

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
}

const hasOneof = (field) => Object.hasOwn(field, 'oneofIndex');

/** A type that only removed fields had may go with them. */
function withoutOrphan(image, contracts, type) {
  const gone = !(contracts.registry.getMessage(type.typeName) ?? contracts.registry.getEnum(type.typeName));
  const used = image.file.some((file) => file.messageType.some((message) => mentions(message, `.${type.typeName}`)));
  const parent = protoOf(image, type.parent);
  if (!gone || used || !parent) return;
  parent.nestedType = parent.nestedType.filter((nested) => nested.name !== type.name);
  parent.enumType = parent.enumType.filter((nested) => nested.name !== type.name);
}

const mentions = (message, typeName) =>
  message.field.some((field) => field.typeName === typeName) || message.nestedType.some((nested) => mentions(nested, typeName));

function protoOf(image, message) {
  if (message.parent) return protoOf(image, message.parent)?.nestedType.find(({ name }) => name === message.name);
  return image.file.find(({ name }) => name === message.file.proto.name)?.messageType.find(({ name }) => name === message.name);
}
