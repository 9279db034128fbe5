// Validation rules are part of the contract: consumers check them too, and old events are replayed. buf does not compare them.
import { create } from '@bufbuild/protobuf';
import { nameOf } from '../contracts.mjs';
import { compareRules } from './compare-rules.mjs';

const REPLAY = 'events that were valid when they were written are replayed and would be dead-lettered';

/**
 * @param {{contracts: object, baseline: object, findings: object}} gate
 */
export function checkRules(gate) {
  const { contracts, baseline } = gate;
  for (const rule of contracts.options) {
    const was = baseline.registry.getExtension(rule.typeName);
    if (was) compareAt(gate, rule, was, rule.typeName);
  }
  for (const message of contracts.messages) {
    const before = baseline.registry.getMessage(message.typeName);
    if (!before) continue;
    compareAt(gate, message, before, nameOf(message));
    for (const field of message.fields) {
      const was = before.fields.find(({ number }) => number === field.number);
      // A rule of another type is another rule; that the type changed is found by buf.
      if (was && typeOf(was) === typeOf(field)) compareAt(gate, field, was, `${nameOf(message)}.${field.name}`);
    }
    const added = message.fields.filter((field) => !before.fields.some(({ number }) => number === field.number));
    checkAdded(gate, message, added);
    for (const oneof of message.oneofs) {
      const was = before.oneofs.find(({ name }) => name === oneof.name);
      if (!was) {
        refuseRequired(gate, oneof);
        continue;
      }
      compareAt(gate, oneof, was, `${nameOf(message)}.${oneof.name}`);
      refuseMembers(gate, oneof, was);
    }
  }
}

const typeOf = ({ fieldKind, scalar, mapKey, message, enum: one }) => [fieldKind, scalar, mapKey, message?.typeName, one?.typeName].join();

function compareAt({ contracts, baseline, findings }, desc, before, name) {
  const { tightened, loosened } = compareRules(baseline.rulesOf(before), contracts.rulesOf(desc));
  if (tightened.length > 0)
    findings.add(
      contracts.placeOf(desc),
      `${name} may not have a stricter rule than it was released with (${tightened.join('; ')})`,
      REPLAY,
      'take the rule back, or add a field or a new version of the event that has it',
    );
  if (loosened.length > 0)
    findings.note(
      contracts.placeOf(desc),
      `${name} has a looser rule (${loosened.join('; ')}); deploy its consumers first, since they check it too.`,
    );
}

/** A field that is new is missing from every event that was written before. */
function checkAdded({ contracts, findings, validator }, message, added) {
  if (added.length === 0) return;
  // Rules that cannot be checked at all are found by buf lint and by the example.
  const { violations = [] } = validator.validate(message, create(message));
  for (const field of added) {
    const violation = violations.find((one) => one.field[0] === field);
    if (violation)
      findings.add(
        contracts.placeOf(field),
        `${nameOf(message)}.${field.name} is new and must be allowed to be missing (${violation.message})`,
        'what was written before it has no such field and would be dead-lettered',
        'declare it as `optional` without `required`, or without `min_items` if it is repeated',
      );
  }
}

/** A oneof that is new is empty in every event that was written before. */
function refuseRequired({ contracts, findings }, oneof) {
  if (contracts.rulesOf(oneof).required)
    findings.add(
      contracts.placeOf(oneof),
      `${nameOf(oneof.parent)}.${oneof.name} is new and must be allowed to be empty`,
      'what was written before it has none of its members and would be dead-lettered',
      'leave the rule `required` out',
    );
}

/** A reader that was built before sees a new member as an empty oneof. */
function refuseMembers({ contracts, findings }, oneof, before) {
  if (!contracts.rulesOf(oneof).required) return;
  for (const field of oneof.fields.filter(({ number }) => !before.parent.fields.some((one) => one.number === number)))
    findings.add(
      contracts.placeOf(field),
      `${nameOf(oneof.parent)}.${field.name} is new in the oneof ${oneof.name}, of which one member is required, and may not be`,
      'a consumer that was built before sees none and dead-letters the event',
      'add the field beside the oneof, or declare a new version of the event',
    );
}
