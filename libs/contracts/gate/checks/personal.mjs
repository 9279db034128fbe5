// What says something about a person is sealed with a key of that person, for the services that may read it. So an event has to say who that is,
// and its personal fields have to be text and to name their readers. What is not marked is in the log in plain text, and for months: a field whose name
// looks personal is marked, or says why it is not.
import { ScalarType } from '@bufbuild/protobuf';
import { messagesIn, nameOf, withNested } from '../contracts.mjs';

/** Words of names that tell of a person, where nobody says otherwise. */
const LOOKS_PERSONAL = new RegExp(
  `(^|_)(${[
    'name|firstname|lastname|surname|recipient|addressee|contact|gender|birth|birthday|birthdate|born|age|nationality|passport|ssn|photo|signature',
    'street|address|city|town|postal|postcode|zip|country|latitude|longitude|location|phone|mobile|fax|email|mail',
    'iban|bic|card|pan|cvv|cvc|account|token|ip|device|comment|comments|note|notes|message|remark|greeting',
  ].join('|')})(_|$)`,
);

/**
 * @param {import('../contracts.mjs').Contracts} contracts
 * @param {import('../findings.mjs').Findings} findings
 */
export function checkPersonal(contracts, findings) {
  for (const event of contracts.events) {
    const fields = [...messagesIn(event)].flatMap((message) => message.fields);
    const { key } = contracts.topicOf(event);
    // That a key is personal is refused as such.
    const personal = fields.filter((field) => contracts.declared(field, 'personal') && !(field.parent === event && field.name === key));
    for (const field of fields.filter((one) => one.oneof && isOrHoldsPersonal(contracts, one)))
      findings.add(
        contracts.placeOf(field),
        `${nameOf(field.parent)}.${field.name} is personal and may not be one of several in \`oneof ${field.oneof.name}\``,
        'whoever reads the others would learn from them which it is',
        'declare it `optional` outside of the oneof',
      );
    for (const field of personal) checkField(contracts, findings, event, field);
    for (const field of fields.filter((one) => contracts.declares(one, 'readers') && !personal.includes(one)))
      findings.add(
        contracts.placeOf(field),
        `${nameOf(field.parent)}.${field.name} names readers and is not marked as personal`,
        'what is not personal is not sealed, and whoever consumes the topic reads it',
        'mark it with `(past_tense.contract.v1.personal) = true`, or leave the readers out',
      );
    checkPerson(contracts, findings, event, personal);
  }
  for (const file of [...contracts.eventFiles, ...contracts.commandFiles])
    for (const field of file.messages.flatMap(withNested).flatMap((message) => message.fields)) checkName(contracts, findings, field);
}

function checkName(contracts, findings, field) {
  const add = (...sentence) => findings.add(contracts.placeOf(field), ...sentence);
  const name = `${nameOf(field.parent)}.${field.name}`;
  const personal = contracts.declared(field, 'personal');
  const reason = contracts.declared(field, 'not_personal');
  // What holds others is as personal as they are, and each of them is looked at.
  if (!personal && reason === undefined && !field.message && LOOKS_PERSONAL.test(field.name))
    add(
      `${name} looks personal and is not marked so`,
      'what is not marked stays in the log in plain text, and nobody can be forgotten there',
      'mark it with `(past_tense.contract.v1.personal) = true` and its readers, or say why it is not with `(past_tense.contract.v1.not_personal) = "…"`',
    );
  if (personal && reason !== undefined)
    add(`${name} cannot be personal and not`, 'it is sealed', 'leave one of `personal` and `not_personal` out');
  if (reason !== undefined && !/\w \w.*\w \w/.test(reason))
    add(
      `${name} must say why it is not personal`,
      `"${reason}" is no reason that somebody could judge`,
      'write a sentence, or mark it as personal',
    );
}

const isOrHoldsPersonal = (contracts, field) =>
  [field, ...(field.message ? [...messagesIn(field.message)].flatMap((message) => message.fields) : [])].some((one) =>
    contracts.declared(one, 'personal'),
  );

function checkField(contracts, findings, event, field) {
  const add = (what, why, remedy) => findings.add(contracts.placeOf(field), `${nameOf(field.parent)}.${field.name} ${what}`, why, remedy);
  if (field.scalar !== ScalarType.STRING || field.fieldKind === 'map')
    add('is personal and must be a string or a list of strings', 'only text can hold what is sealed', 'write it as text');
  const readers = contracts.declared(field, 'readers') ?? [];
  if (readers.length === 0)
    add(
      'is personal and must name its readers',
      'it is sealed for them, and would be readable by nobody',
      'add `(past_tense.contract.v1.readers) = SERVICE_…` once for each service that needs it; if none does, leave the field out',
    );
  const { name, consumers = [] } = contracts.topicOf(event);
  for (const reader of readers.filter((one) => !consumers.includes(one)))
    add(
      `may not be read by ${reader}`,
      `it does not consume ${name}`,
      'leave it out of the readers, or add it to the consumers of the topic',
    );
}

function checkPerson(contracts, findings, event, personal) {
  const people = event.fields.filter((field) => contracts.declared(field, 'person'));
  const [person] = people;
  const inside = [...messagesIn(event)].filter((message) => message !== event).flatMap((message) => message.fields);
  for (const field of [...people.slice(1), ...inside.filter((one) => contracts.declared(one, 'person'))])
    findings.add(
      contracts.placeOf(field),
      `${nameOf(field.parent)}.${field.name} may not be the person of ${event.typeName}`,
      'an event is about one person, whose id is a field of the event itself',
      'leave `(past_tense.contract.v1.person)` out of it',
    );
  if (personal.length > 0 && !person)
    findings.add(
      contracts.placeOf(event),
      `${event.typeName} has personal fields and must say whom they are about`,
      'they are sealed with a key of that person, and are forgotten with it',
      "mark the field with that person's id with `(past_tense.contract.v1.person) = true`",
    );
  if (person && (person.scalar !== ScalarType.STRING || person.fieldKind !== 'scalar' || contracts.rulesOf(person).string?.uuid !== true))
    findings.add(
      contracts.placeOf(person),
      `${nameOf(event)}.${person.name} is the id of a person and must be one string that is checked to be a UUID`,
      'another id could say who the person is, and stays in the log when they are forgotten',
      'declare it as a string with the rule `(buf.validate.field).string.uuid = true`',
    );
}
