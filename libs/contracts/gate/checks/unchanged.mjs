// What a topic, a service of commands, a service and a team were when they were released, and must stay.
import { nameOf } from '../contracts.mjs';

/**
 * @param {{contracts: object, baseline: object, findings: object}} gate
 */
export function checkUnchanged(gate) {
  const { contracts, baseline } = gate;
  checkRetired(gate);
  for (const event of contracts.events) {
    const before = baseline.registry.getMessage(event.typeName);
    if (before && baseline.declares(before, 'topic')) checkTopic(gate, event, before);
  }
  checkPersonal(gate);
  checkCommands(gate);
  checkNames(gate);
  checkOptions(gate);
}

/** The topic of a version that was retired still holds its events. */
function checkRetired({ contracts, baseline, findings, releases }) {
  const gone = baseline.events.filter(({ typeName }) => !contracts.registry.getMessage(typeName));
  const retired = new Set([...releases.flatMap((release) => release.retired ?? []), ...gone.map((event) => baseline.topicOf(event).name)]);
  for (const event of contracts.events) {
    const { name } = contracts.topicOf(event);
    if (retired.has(name))
      findings.add(
        contracts.placeOf(event, 'name'),
        `${event.typeName} may not take the topic ${name}`,
        'it still holds the events of the one before',
        'name the event otherwise, or give it the next version',
      );
  }
}

const FIXED = [
  {
    setting: 'name',
    json: 'name',
    why: 'its consumers have their positions on the topic it had, and its events are there',
  },
  {
    setting: 'key',
    json: 'key',
    why: "an aggregate's later events would go to another partition and overtake the earlier ones",
  },
  {
    setting: 'producer',
    json: 'producer',
    why: 'the one before would lose the right to write, with facts still in its outbox',
  },
  {
    setting: 'partitions',
    json: 'partitions',
    why: "with another number of partitions an aggregate's later events go to another one and overtake the earlier ones",
  },
];

function checkTopic({ contracts, baseline, findings }, event, before) {
  const [was, is] = [baseline.topicOf(before), contracts.topicOf(event)];
  const add = (setting, ...sentence) => findings.add(contracts.placeOf(event, setting), ...sentence);
  for (const { setting, json, why } of FIXED) {
    if (is[json] === undefined || is[json] === was[json]) continue;
    add(
      setting,
      `${event.typeName} may not change its ${setting} from ${was[json]} to ${is[json]} after its release`,
      why,
      `write ${was[json]} again, or declare a new version of the event beside this one`,
    );
  }
  if (was.cleanup === 'CLEANUP_DELETE' && is.cleanup === 'CLEANUP_COMPACT')
    add(
      'cleanup',
      `${event.typeName} may not change its cleanup from deletion to compaction after its release`,
      'all but the last fact of each aggregate would be deleted and no replay would be whole again',
      'write CLEANUP_DELETE again, or declare a new version of the event beside this one',
    );
  if (was.cleanup === 'CLEANUP_COMPACT' && is.cleanup === 'CLEANUP_DELETE')
    findings.note(
      contracts.placeOf(event, 'cleanup'),
      `${is.name} is deleted after ${is.retentionDays} days instead of being compacted; older events go when this is applied, which asks for a flag.`,
    );
  if (is.retentionDays && is.retentionDays < was.retentionDays)
    findings.note(
      contracts.placeOf(event, 'retention_days'),
      `${is.name} keeps events ${is.retentionDays} days instead of ${was.retentionDays}; older ones are deleted when this is applied, which asks for a flag.`,
    );
  for (const consumer of (was.consumers ?? []).filter((one) => !(is.consumers ?? []).includes(one)))
    findings.note(
      contracts.placeOf(event, 'consumers'),
      `${consumer} may no longer consume ${is.name}; it loses access when this is applied.`,
    );
}

/** What was written as personal data stays that, also where nobody marks it any more; and it was sealed for those who were named then. */
function checkPersonal({ contracts, baseline, findings }) {
  for (const field of releasedFields(contracts, baseline))
    if (baseline.declared(field.before, 'personal') && !contracts.declared(field.now, 'personal'))
      findings.add(
        contracts.placeOf(field.now),
        `${nameOf(field.now.parent)}.${field.now.name} must stay marked as personal`,
        'what was written into it says something about people all the same',
        'mark it again',
      );
    else if (
      baseline.declared(field.before, 'readers')?.length > 0 &&
      readersOf(baseline, field.before) !== readersOf(contracts, field.now)
    )
      findings.add(
        contracts.placeOf(field.now),
        `${nameOf(field.now.parent)}.${field.now.name} may not change its readers from ${readersOf(baseline, field.before)} after its release`,
        'what was written is sealed for those, with a key of theirs, and would be looked for under another',
        'add a field, or a new version of the event, for the new readers',
      );
}

const readersOf = (contracts, field) => [...(contracts.declared(field, 'readers') ?? [])].sort().join(' and ') || 'nobody';

function* releasedFields(contracts, baseline) {
  for (const message of contracts.messages) {
    const before = baseline.registry.getMessage(message.typeName);
    for (const now of before ? message.fields : []) {
      const field = before.fields.find(({ number }) => number === now.number);
      if (field) yield { now, before: field };
    }
  }
}

function checkCommands({ contracts, baseline, findings }) {
  for (const service of contracts.commandFiles.flatMap((file) => file.services)) {
    const before = baseline.registry.getService(service.typeName);
    const [was, is] = [before && baseline.declared(before, 'commands'), contracts.declared(service, 'commands')];
    if (!was || !is) continue;
    const fixed = (setting, why) => {
      if (is[setting] && is[setting] !== was[setting])
        findings.add(
          contracts.placeOf(service, setting),
          `${service.typeName} may not change its ${setting} from ${was[setting]} to ${is[setting]} after its release`,
          why,
          `write ${was[setting]} again, or declare the commands anew in another package`,
        );
    };
    fixed('receiver', 'callers send to the service they know, and commands that wait in their databases would go there');
    fixed('scope', 'the tokens of its callers allow the one before');
    for (const caller of was.callers.filter((one) => !(is.callers ?? []).includes(one)))
      findings.note(contracts.placeOf(service, 'callers'), `${caller} may no longer send the commands of ${service.typeName}.`);
  }
}

/** buf does not see that an option has another number, if its name is the same. */
function checkOptions({ contracts, baseline, findings }) {
  for (const option of contracts.options) {
    const before = baseline.registry.getExtension(option.typeName);
    if (before && before.number !== option.number)
      findings.add(
        contracts.placeOf(option),
        `the option ${option.name} may not change its number from ${before.number} to ${option.number} after its release`,
        'what the schema registry holds says it under the number before, and would be read as saying nothing',
        `write ${before.number} again`,
      );
  }
}

const NAMED = [
  {
    type: 'Service',
    option: 'service',
    why: 'its consumer group, its database, its dead letters and what it remembers of processed events bear that name',
  },
  { type: 'Team', option: 'team', why: 'events that were written before, dashboards and alerts bear that name' },
];

/** What a service and a team are called outside the code. That each has a name at all is found without a release. */
function checkNames({ contracts, baseline, findings }) {
  for (const { type, option, why } of NAMED) {
    const [now, before] = [contracts, baseline].map(({ registry }) => registry.getEnum(`past_tense.contract.v1.${type}`));
    for (const value of now?.values ?? []) {
      const was = before?.value[value.number] && baseline.declared(before.value[value.number], option)?.name;
      const is = contracts.declared(value, option)?.name;
      if (was && was !== is)
        findings.add(
          contracts.placeOf(value),
          is
            ? `${value.name} may not change its name from "${was}" to "${is}" after its release`
            : `${value.name} may not lose its name "${was}" after its release`,
          why,
          `write "${was}" again`,
        );
    }
  }
}
