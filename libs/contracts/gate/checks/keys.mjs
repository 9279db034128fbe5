// A key may be any UUID: rules that leave only a few would put all events into a few partitions.
import { ScalarType, create } from '@bufbuild/protobuf';
import { createHash } from 'node:crypto';

const SAMPLES = 8;
/** A rule may ask for a version of UUIDs (RFC 9562, section 4.2), and these are the ones that programs make. */
const VERSIONS = [7, 4, 1, 3, 5, 6, 8];

/**
 * @param {{contracts: object, findings: object, validator: object}} gate
 */
export function checkKeys({ contracts, findings, validator }) {
  for (const event of contracts.events) {
    const field = event.fields.find(({ name }) => name === contracts.topicOf(event).key);
    // What is no UUID as text is found where the topic is checked.
    if (field?.fieldKind !== 'scalar' || field.scalar !== ScalarType.STRING || contracts.rulesOf(field).string?.uuid !== true) continue;
    const isRefused = (uuid) => isViolated(validator, event, field, uuid);
    if (VERSIONS.every((version) => uuidsOf(version).some(isRefused)))
      findings.add(
        contracts.placeOf(field),
        `the key ${event.name}.${field.name} may not be limited to certain values`,
        'a constant key puts all events into one partition',
        'leave `uuid` as its only rule',
      );
  }
}

/** Rules that cannot be checked at all are found by buf lint and by the example. */
function isViolated(validator, event, field, uuid) {
  const message = create(event);
  message[field.localName] = uuid;
  const { violations = [] } = validator.validate(event, message);
  return violations.some((violation) => violation.field[0] === field);
}

/** UUIDs that have nothing in common but their version, the same ones in each run. */
const uuidsOf = (version) =>
  Array.from({ length: SAMPLES }, (_, i) =>
    createHash('sha256')
      .update(`${version} ${i}`)
      .digest('hex')
      .replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/, `$1-$2-${version}$3-${'89ab'[i % 4]}$4-$5`),
  );
