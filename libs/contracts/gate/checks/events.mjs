// What every event has to declare: a name in the past tense, and a topic that says who owns it, where it goes and for how long.
import { ScalarType } from '@bufbuild/protobuf';
import { FieldDescriptorProto_Label } from '@bufbuild/protobuf/wkt';
import { mendOfFact, wordsOf } from '../../generator/names.mjs';
import { nameOf, versionOf, withNested } from '../contracts.mjs';

const OPTION = '(past_tense.contract.v1.topic)';
export const MAX_RETENTION_DAYS = 365;
const MIN_PARTITIONS = 6;
const MAX_PARTITIONS = 256;

/**
 * @param {import('../contracts.mjs').Contracts} contracts
 * @param {import('../findings.mjs').Findings} findings
 */
export function checkEvents(contracts, findings) {
  const topics = new Map();
  const things = new Set(contracts.eventFiles.map(aggregateOf));
  for (const file of contracts.files) checkSyntax(contracts, findings, file);
  for (const file of contracts.eventFiles) {
    for (const service of file.services)
      findings.add(
        contracts.placeOf(service),
        `the service ${service.name} lies among the events and may not`,
        'nobody may take a request for a fact',
        'move its file to libs/contracts/commands',
      );
    // What a service of commands says with is wrong for the same reason as the service.
    if (file.services.length > 0) continue;
    checkFile(contracts, findings, file);
    for (const event of file.messages) checkEvent({ contracts, findings, topics, things, event });
  }
  refuseMisplaced(contracts, findings);
}

/** What lies where nobody looks for it would be neither checked nor created. */
function refuseMisplaced(contracts, findings) {
  for (const file of contracts.strangers.filter((one) => contracts.folderOf(one) === 'vendor'))
    findings.add(
      contracts.placeOf(file),
      `the package ${file.proto.package} may not lie in vendor`,
      'what lies there is of others and is not checked',
      'move its file to libs/contracts/proto, or to libs/contracts/commands if it holds commands',
    );
  for (const message of contracts.vendored.flatMap((file) => file.messages.flatMap(withNested)))
    if (contracts.declares(message, 'topic'))
      findings.add(
        contracts.placeOf(message),
        `${nameOf(message)} may not have a topic`,
        'the names buf and google belong to others, whose files are not checked',
        'declare it in a package of its own in libs/contracts/proto',
      );
  for (const file of contracts.strangers.filter((one) => contracts.folderOf(one) !== 'vendor'))
    findings.add(
      contracts.placeOf(file),
      `the package ${file.proto.package} may not be declared here`,
      'the names buf and google belong to others, whose files are not checked',
      'give it a package of its own',
    );
  for (const service of contracts.otherFiles.flatMap((file) => file.services))
    findings.add(
      contracts.placeOf(service),
      `the service ${service.name} may not lie among the types`,
      'commands have packages of their own',
      'move it to a file in libs/contracts/commands',
    );
  const nested = contracts.eventFiles.flatMap((file) => file.messages.flatMap(withNested)).filter(({ parent }) => parent);
  const types = contracts.otherFiles.flatMap((file) => file.messages.flatMap(withNested));
  for (const message of [...nested, ...types].filter((one) => contracts.declares(one, 'topic')))
    findings.add(
      contracts.placeOf(message, 'name'),
      `${nameOf(message)} may not have a topic`,
      'events are looked for among the outermost messages of packages such as order.v1, and this topic would never be created',
      'declare it in a file of its own in libs/contracts/proto',
    );
}

function checkSyntax(contracts, findings, file) {
  if (file.proto.syntax !== 'proto3')
    findings.add(
      contracts.placeOf(file),
      `${file.proto.name} must be proto3`,
      'defaults, required fields and closed enums of other editions read differently in each language',
      'begin it with `syntax = "proto3";`',
    );
}

function checkFile(contracts, findings, file) {
  const place = contracts.placeOf(file);
  if (!/\.v[1-9]\d*$/.test(file.proto.package))
    findings.add(
      place,
      `the package of ${file.proto.name} must end with a version such as .v1`,
      'a breaking change is a new version beside the old one',
      'name it so, and move the file',
    );
  for (const second of file.messages.slice(1))
    findings.add(
      contracts.placeOf(second),
      `${second.name} may not be the second message of its file`,
      'the frame of a record points to the first message of the file, so a reader with the schema registry would decode something else',
      'give it a file of its own, or nest it if it is a part of the first',
    );
  if (file.messages.length === 0 && (file.enums.length > 0 || file.extensions.length > 0))
    findings.add(
      place,
      `${file.proto.name} must hold an event`,
      'every file here is one event',
      'declare it inside the event it belongs to',
    );
}

function checkEvent({ contracts, findings, topics, things, event }) {
  const topic = contracts.topicOf(event);
  const { name } = event;
  const add = (setting, what, why, remedy) => findings.add(contracts.placeOf(event, setting), `${name} ${what}`, why, remedy);
  const missing = (what, why, hint) =>
    add(undefined, `has no ${what} but needs ${what.endsWith('s') ? 'them' : 'one'}`, why, `add \`${hint}\` to its ${OPTION} option`);

  const mend = mendOfFact(name, { aggregate: aggregateOf(event.file), things });
  if (mend) add(undefined, 'does not say what happened but must', 'an event is a fact', `${mend} (libs/contracts/generator/names.mjs)`);
  const expected = topicNameOf(event);
  if (!contracts.declares(event, 'topic'))
    return add(
      undefined,
      'has no topic but needs one',
      'there is one topic for each event',
      `add the option ${OPTION} with \`name: "${expected}"\``,
    );
  if (!topic.name) missing('name', 'there is one topic for each event', `name: "${expected}"`);
  else if (topic.name !== expected)
    add('name', `may not travel on "${topic.name}"`, "a topic bears its event's name", `write \`name: "${expected}"\``);
  const other = topics.get(topic.name);
  if (topic.name && other)
    add(
      'name',
      `may not declare the topic ${topic.name} that ${other.typeName} declares`,
      'one topic holds one event',
      'name the event otherwise',
    );
  topics.set(topic.name, event);
  checkPeople({ contracts, topic, add, missing, event, findings });
  checkSettings(topic, add, missing);
  checkKey({ contracts, topic, add, missing, event, findings });
}

function checkPeople({ contracts, topic, add, missing, event, findings }) {
  if (isNobody(topic.owner, 'TEAM')) missing('owner', 'somebody has to be paged for it', 'owner: TEAM_…');
  if (isNobody(topic.producer, 'SERVICE')) missing('producer', 'one service has to answer for the fact', 'producer: SERVICE_…');
  const consumers = topic.consumers ?? [];
  for (const consumer of new Set(consumers)) {
    if (isNobody(consumer, 'SERVICE'))
      add(
        'consumers',
        'may not name a consumer that is no service',
        'access is given by these names',
        'name one that ownership.proto declares',
      );
    if (consumers.indexOf(consumer) !== consumers.lastIndexOf(consumer))
      add('consumers', `may not name the consumer ${consumer} twice`, 'a second mention says nothing', 'leave one of them out');
  }
  if (consumers.length === 0 && topic.name)
    findings.note(contracts.placeOf(event), `nobody consumes ${topic.name}; a service that does is added to its \`consumers\`.`);
}

function checkSettings(topic, add, missing) {
  if (!topic.description?.trim()) missing('description', 'the catalogue shows it', 'description: "the fact in one sentence"');
  const { partitions, retentionDays, cleanup } = topic;
  if (!partitions) missing('partitions', 'their number cannot change later', 'partitions: 12');
  else if (partitions < MIN_PARTITIONS || partitions > MAX_PARTITIONS)
    add(
      'partitions',
      `may not have ${partitions} partitions`,
      'few cannot be shared among consumers later, and each one costs the brokers',
      `choose ${MIN_PARTITIONS} to ${MAX_PARTITIONS}`,
    );
  if (!retentionDays) missing('retention', 'without one events would be kept as the broker pleases', 'retention_days: 90');
  else if (retentionDays > MAX_RETENTION_DAYS)
    add(
      'retention_days',
      `may not be kept ${retentionDays} days`,
      'every consumer has to remember what it processed for longer than that',
      `choose at most ${MAX_RETENTION_DAYS}`,
    );
  if (!topic.lagSloSeconds) missing('lag objective', 'an alert needs to know when a consumer is late', 'lag_slo_seconds: 30');
  const compacted = cleanup === 'CLEANUP_COMPACT';
  if (!compacted && cleanup !== 'CLEANUP_DELETE') missing('cleanup', 'what becomes of old facts is deliberate', 'cleanup: CLEANUP_DELETE');
  if (compacted && !topic.compactionReason?.trim())
    add(
      'cleanup',
      'may not be compacted without a reason',
      'compaction deletes all but the last fact of each aggregate',
      'write `cleanup: CLEANUP_DELETE`, or say with `compaction_reason` why this topic is the state itself',
    );
  if (topic.compactionReason && !compacted)
    add(
      'compaction_reason',
      'may not have a compaction_reason',
      'it is not compacted',
      'leave it out, or write `cleanup: CLEANUP_COMPACT`',
    );
}

function checkKey({ contracts, topic, add, missing, event, findings }) {
  const aggregate = aggregateOf(event.file);
  const expected = `${aggregate}_id`;
  if (!topic.key) return missing('key', 'events of one aggregate stay in order by it', `key: "${expected}"`);
  const field = event.fields.find(({ name }) => name === topic.key);
  if (!field)
    return add(
      'key',
      `may not have the key "${topic.key}", which is none of its fields`,
      'the key is read from the payload',
      `write \`key: "${expected}"\``,
    );
  const key = `${event.name}.${field.name}`;
  if (topic.key !== expected)
    add(
      'key',
      `may not have the key "${topic.key}"`,
      `events of one ${aggregate} stay in order only if its id is the key`,
      `write \`key: "${expected}"\``,
    );
  const addToField = (what, why, remedy) => findings.add(contracts.placeOf(field), `the key ${key} ${what}`, why, remedy);
  if (field.fieldKind !== 'scalar' || field.scalar !== ScalarType.STRING || field.proto.label === FieldDescriptorProto_Label.REPEATED)
    return addToField(
      'must be one string',
      "an aggregate's id is a UUID as text",
      `declare it as \`string ${field.name} = ${field.number}\``,
    );
  const { string = {}, ignore, required } = contracts.rulesOf(field);
  if (string.uuid !== true)
    addToField(
      'must be checked to be a UUID',
      'a key that is missing or random text would break the order of its aggregate',
      'add the rule `(buf.validate.field).string.uuid = true`',
    );
  else if (ignore || (isOptional(field) && !required))
    addToField(
      'may not be optional',
      'an event without its aggregate has no place in an order',
      'declare it as a plain string without `optional`, `oneof` and `ignore`',
    );
  if (contracts.declared(field, 'personal'))
    addToField(
      'may not be marked as personal',
      'keys are in logs, in headers and among dead letters, and cannot be forgotten',
      'use an id that says nothing about a person',
    );
  if (field.deprecated)
    addToField('may not be deprecated', 'it cannot go while the topic is there', 'declare a new version of the event with another key');
}

/** Whether a field tells "not set" from its zero value. */
const isOptional = (field) => field.oneof !== undefined || field.proto.proto3Optional;

const isNobody = (name, kind) => !name || name === `${kind}_UNSPECIFIED` || !String(name).startsWith(`${kind}_`);

/** The topic an event travels on: its name, and from the second version on the version. */
const topicNameOf = (event) => kebab(event.name) + (versionOf(event) > 1 ? `-v${versionOf(event)}` : '');
const kebab = (name) => wordsOf(name).join('-');

/** What the events of a file are about: the first part of its package. */
const aggregateOf = (file) => file.proto.package.split('.')[0];
