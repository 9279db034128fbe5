// What the files of a service are made from: what it keeps, what it decides, what it reacts to.
import { verbOf } from '../../../../libs/contracts/generator/names.mjs';
import { camel, capital, oneOf, pascal, plural, quoted, snake, words } from '../names.mjs';
import { literalOf } from './literal.mjs';

/** What each row has of itself. */
const OWN_FIELDS = new Set(['id', 'status', 'version']);
const COLUMNS = { uuid: 'uuid', text: 'text' };
const SAMPLES = {
  uuid: (i) => `'019aa000-0000-7000-8000-${String(i + 2).padStart(12, '0')}'`,
  text: () => `'some text'`,
  money: () => `{ minorUnits: 4498, currency: 'EUR' }`,
};

/**
 * The id by which a service can tell that events are about the same thing: one that all of them say, the key of the first if possible.
 * @throws Error if there is none
 */
export function sharedId(declarations, consumed, service) {
  const [first, ...others] = consumed.map((versions) => idsOf(declarations, versions));
  const key = consumed[0][0].key;
  const shared = first.filter((field) => others.every((ids) => ids.some(({ name }) => name === field.name)));
  const found = shared.find(({ name }) => name === key) ?? shared[0];
  if (found) return found;
  const names = consumed.map(([oldest]) => oldest.name).join(' and ');
  throw new Error(
    `${names} have no id in common, so ${service} could not tell that they are about the same; name one of them, and write the other reaction by hand.`,
  );
}

/** What a new event of the service says, in the words of `nx g event --fields`: about what it is, or all that the first one begins with. */
export function saidAbout(declarations, versions, of, { whole, key }) {
  const said = whole ? fieldsIn(declarations, versions).filter(({ kind }) => kind !== 'text') : [of];
  return said
    .filter(({ name }) => name !== key)
    .map(({ name, kind }) => `${name}:${kind}`)
    .join(',');
}

/** The verb of a fact: `issue` of `invoice-issued`; undefined if it is not a known one. */
export const verbOfFact = (name) => verbOf(name.split('-').at(-1));

/**
 * Everything that the templates of a service say.
 * @throws Error if it is to publish what nothing tells it
 */
export function blueprintOf(declarations, { name, aggregate, of, consumed, publishes, description, port }) {
  const known = fieldsIn(declarations, consumed[0]);
  const published = publishes.map((topic) => eventOf(declarations, topic));
  const needed = new Set([
    of.name,
    ...published.flatMap(({ event, topic }) => neededBy(event, topic, { aggregate, known, consumed, name })),
  ]);
  const fields = known.filter((field) => needed.has(field.name));
  const decisions = published.map((one) => decisionOf(one, { aggregate, fields }));
  const heard = consumed.map((versions, i) => ({ versions, decision: decisions[i] ?? noteOf(versions, aggregate) }));
  const notes = heard.map(({ decision }) => decision).filter((decision) => !decision.event);
  const thing = thingOf(aggregate);
  const things = {
    name: camel(plural(aggregate)),
    path: plural(aggregate),
    table: snake(plural(aggregate)),
    type: pascal(plural(aggregate)),
  };
  const ofThing = { ...of, ...thingOf(of.name.replace(/_id$/, '').replaceAll('_', '-')) };
  return {
    name,
    Name: pascal(name),
    description,
    quoted,
    port,
    timestamp: Date.now(),
    thing,
    thingPath: thing.path,
    things,
    thingsPath: things.path,
    of: ofThing,
    seenBy:
      publishes.length > 0
        ? { id: `${thing.name}Id`, column: 'id', words: thing.words, of: '' }
        : { id: of.localName, column: of.localName, words: ofThing.words, of: ` of ${ofThing.words}` },
    fields,
    columns: fields.flatMap(columnsOf),
    sample: `{ ${fields.map(({ localName, kind }, i) => `${localName}: ${SAMPLES[kind](i)}`).join(', ')} }`,
    hasMoney: fields.some(({ kind }) => kind === 'money'),
    saysMoney: decisions.some(({ data }) => data.some((said) => said.includes('toContract('))),
    published: published.map(({ type }) => type),
    sorted: (names) => [...names].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)),
    decisions: [...decisions, ...notes],
    reactions: heard.map((one, i) =>
      reactionOf(declarations, one, { i, aggregate, thing, things, of: ofThing, fields, first: consumed[0], heard }),
    ),
  };
}

function reactionOf(declarations, { versions, decision }, { i, aggregate, thing, things, of, fields, first, heard }) {
  const [oldest] = versions;
  const path = `${decision.does}-when-${oldest.name}`;
  return {
    path,
    type: pascal(path),
    events: versions.map(typeOf),
    heard: typeOf(oldest),
    fact: camel(oldest.name),
    topic: oldest.name,
    decision: { ...decision, file: aggregate },
    version: heard.slice(0, i + 1).filter((one) => one.decision.event).length,
    repository: { name: things.name, type: `${thing.type}Repository`, file: `${thing.path}.repository` },
    thing: thing.words,
    of,
    waits: i > 0 && `findBy${of.type}`,
    opens: i === 0 && fields.map(openedWith),
    example: literalOf(oldest.event, declarations.exampleOf(oldest.event), { [of.localName]: of.localName }),
    // The second fact about the same aggregate, as its service would have published it.
    override: i > 0 && oldest.key === first[0].key ? ', { aggregateVersion: 2 }' : '',
  };
}

function openedWith({ localName, kind }) {
  if (kind !== 'money') return `${localName}: data.${localName}`;
  return `${localName}: { minorUnits: Number(data.${localName}!.minorUnits), currency: data.${localName}!.currency }`;
}

/** What an event of ours needs beside its key, which the first event that we hear has to say. */
function neededBy(event, topic, { aggregate, known, consumed, name }) {
  const key = `${snake(aggregate)}_id`;
  if (topic.key !== key)
    throw new Error(
      `${topic.name} is about another aggregate than ${words(aggregate)}; a service like this keeps one, so name events about one.`,
    );
  const needed = event.fields.filter((field) => field.name !== key);
  const own = needed.find((field) => OWN_FIELDS.has(field.name));
  if (own)
    throw new Error(`${topic.name} says its ${own.name}, which means something else in a service like this; write that service by hand.`);
  const unknown = needed.find((field) => !known.some((one) => one.name === field.name));
  if (unknown)
    throw new Error(
      `${name} cannot publish ${topic.name} when ${words(consumed[0][0].name)}, because nothing there says its ${unknown.name}; write the service without --publishes ${topic.name} and add the event by hand.`,
    );
  return needed.map((field) => field.name);
}

function decisionOf({ topic, event, type }, { aggregate, fields }) {
  const verb = verbOfFact(topic.name);
  const does = verb ? `${verb}-${aggregate}` : `record-${topic.name}`;
  const status = topic.name.startsWith(`${aggregate}-`) ? topic.name.slice(aggregate.length + 1) : topic.name;
  const thing = camel(aggregate);
  const said = event.fields.map((field) =>
    field.name === `${snake(aggregate)}_id`
      ? { ...field, localName: field.localName, own: true }
      : fields.find(({ name }) => name === field.name),
  );
  return {
    does,
    name: camel(does),
    status,
    statusWords: words(status),
    saying: `is ${words(status)}`,
    description: `${capital(oneOf(aggregate))} is ${words(status)}.`,
    event: type,
    topic: topic.name,
    data: said.map((field) =>
      field.own
        ? `${field.localName}: ${thing}.id`
        : `${field.localName}: ${field.kind === 'money' ? `toContract(${thing}.${field.localName})` : `${thing}.${field.localName}`}`,
    ),
    expected: said.filter(({ kind }) => kind !== 'money').map((field) => `${field.localName}: fresh.${field.own ? 'id' : field.localName}`),
  };
}

/** What is decided where nothing follows but that it is known. */
function noteOf([oldest], aggregate) {
  const status = oldest.name;
  return {
    does: `note-${words(oldest.name).split(' ').slice(0, -1).join('-')}`,
    name: camel(`note-${oldest.name}`),
    status,
    saying: `notes ${status}`,
    description: `${capital(words(oldest.name))}: ${oneOf(aggregate)} says so from now on.`,
    data: [],
  };
}

export const thingOf = (kebab) => ({
  name: camel(kebab),
  type: pascal(kebab),
  path: kebab,
  words: words(kebab),
  Words: capital(words(kebab)),
  one: oneOf(kebab),
  One: capital(oneOf(kebab)),
});

function columnsOf({ name, localName, kind }) {
  if (kind !== 'money') return [{ name, localName, type: COLUMNS[kind] }];
  return [
    { name: `${name}_minor_units`, localName: `${localName}MinorUnits`, type: 'bigint' },
    { name: `${name}_currency`, localName: `${localName}Currency`, type: 'text' },
  ];
}

function eventOf(declarations, name) {
  const topic = declarations.topics.find((one) => one.name === name);
  return { topic, event: topic.event, type: typeOf(topic) };
}

/** The name that the contracts give a version of an event. */
export const typeOf = ({ event, version }) => event.name + (version > 1 ? `V${version}` : '');

/** What all versions of an event say, and can be copied. */
export function fieldsIn(declarations, versions) {
  const [first, ...others] = versions.map(({ event }) => declarations.fieldsOf(event));
  return first.filter((field) => others.every((fields) => fields.some(({ name, kind }) => name === field.name && kind === field.kind)));
}

export const idsOf = (declarations, versions) => fieldsIn(declarations, versions).filter(({ kind }) => kind === 'uuid');
