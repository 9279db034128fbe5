// Enums of events grow, and a consumer that was built before must be able to cope.
import { enumsIn, messagesIn, nameOf } from '../contracts.mjs';

/**
 * @param {{contracts: object, baseline?: object, findings: object}} gate
 */
export function checkEnums({ contracts, baseline, findings }) {
  const consumersOf = new Map();
  for (const event of contracts.events) {
    const { consumers = [] } = contracts.topicOf(event);
    for (const one of enumsIn(event)) consumersOf.set(one.typeName, new Set([...(consumersOf.get(one.typeName) ?? []), ...consumers]));
  }
  const payloads = new Set(contracts.events.flatMap((event) => [...messagesIn(event)]));
  for (const message of payloads) for (const field of message.fields) refuseDefinedOnly(contracts, findings, field);
  if (baseline) for (const one of contracts.enums) checkWidened({ contracts, baseline, findings, consumersOf }, one);
}

function refuseDefinedOnly(contracts, findings, field) {
  const rules = contracts.rulesOf(field);
  const all = [rules, rules.repeated?.items, rules.map?.values];
  if (all.some((rule) => rule?.enum?.definedOnly))
    findings.add(
      contracts.placeOf(field),
      `${nameOf(field.parent)}.${field.name} may not have the rule defined_only`,
      'a consumer that was built before a value was added would refuse the whole event',
      'leave the rule out; producers are checked when they send, and consumers branch with the generated known…() guards',
    );
}

function checkWidened({ contracts, baseline, findings, consumersOf }, one) {
  const before = baseline.registry.getEnum(one.typeName);
  const consumers = consumersOf.get(one.typeName);
  if (!before || !consumers) return;
  for (const value of one.values.filter(({ number }) => !before.value[number])) {
    const acknowledged = contracts.declared(value, 'acknowledged_by') ?? [];
    const missing = [...consumers].filter((consumer) => !acknowledged.includes(consumer));
    if (missing.length > 0)
      findings.add(
        contracts.placeOf(value),
        `${value.name} is new in ${nameOf(one)} and must be acknowledged by ${missing.join(', ')}`,
        'a consumer that does not know the value dead-letters its events',
        `make those services handle it first, then write \`[(past_tense.contract.v1.acknowledged_by) = ${missing[0]}]\` for each`,
      );
  }
}
