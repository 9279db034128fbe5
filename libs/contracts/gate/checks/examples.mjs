// The example of each event, and what earlier releases wrote: both have to be read and found valid with these contracts.
import { equals, fromBinary, fromJson } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator } from '@bufbuild/protovalidate';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../contracts.mjs';

/**
 * @param {{home: string, contracts: object, baseline?: object, findings: object, validator: object, releases: object[], releasing: boolean}} gate
 */
export function checkExamples(gate) {
  const events = new Map(gate.contracts.events.map((event) => [event.typeName, event]));
  const candidates = new Set(gate.contracts.eventFiles.flatMap((file) => file.messages).map(({ typeName }) => typeName));
  for (const event of events.values()) checkExample(gate, event);
  const folder = join(gate.home, 'examples');
  for (const file of existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [])
    if (!candidates.has(file.replace(/\.json$/, '')))
      gate.findings.add(
        { file: `${ROOT}/examples/${file}`, line: 1 },
        `${file} must be the example of an event`,
        'the catalogue shows examples by the name of their event',
        'name it after one, such as order.v1.OrderPlaced.json, or delete it',
      );
  const corpus = corpusIn(gate.home);
  for (const { number, events: names } of gate.releases)
    for (const name of names.filter(
      (one) => events.has(one) && !corpus.some(({ release, name: other }) => release === number && other === one),
    ))
      gate.findings.add(
        { file: `${ROOT}/released/releases.json`, line: 1 },
        `${name} as release ${number} wrote it must be in the corpus`,
        'only that proves that old events can be read',
        `take released/corpus/${number} from the branch that was released`,
      );
  for (const { release, name } of corpus) {
    const event = events.get(name);
    if (event) checkWritten(gate, event, release);
  }
}

/** The example of an event in the folder of the contracts. */
export function exampleOf({ home, contracts }, event) {
  const json = JSON.parse(readFileSync(join(home, 'examples', `${event.typeName}.json`), 'utf8'));
  return fromJson(event, json, { registry: contracts.registry });
}

/** What the releases wrote: the number of the release and the type of the event, oldest first. */
export function corpusIn(home) {
  const folder = join(home, 'released', 'corpus');
  const entries = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [];
  const releases = entries.filter((entry) => entry.isDirectory() && /^\d+$/.test(entry.name)).map(({ name }) => Number(name));
  return releases
    .sort((a, b) => a - b)
    .flatMap((release) => {
      const files = new Set(readdirSync(join(folder, String(release))));
      return [...files]
        .filter((file) => file.endsWith('.bin') && files.has(file.replace(/bin$/, 'json')))
        .map((file) => ({ release, name: file.slice(0, -'.bin'.length) }));
    });
}

function checkExample(gate, event) {
  const file = `${ROOT}/examples/${event.typeName}.json`;
  const add = (...sentence) => gate.findings.add({ file, line: 1 }, ...sentence);
  const why = 'the catalogue shows it, and the next release proves with it that old events can be read';
  if (!existsSync(join(gate.home, 'examples', `${event.typeName}.json`))) {
    const remedy = 'write one: the payload in the JSON of Protobuf, with every field';
    if (gate.releasing || gate.baseline?.registry.getMessage(event.typeName))
      return add(`${event.typeName} must have an example`, why, remedy);
    return gate.findings.note({ file, line: 1 }, `${event.typeName} has no example yet, and needs one before it is released; ${remedy}.`);
  }
  try {
    const wrong = violationsOf(gate.validator, event, exampleOf(gate, event));
    if (wrong) add(`the example of ${event.typeName} must be valid (${wrong})`, why, 'correct it');
  } catch (error) {
    add(`the example of ${event.typeName} must be readable (${oneLine(error)})`, why, 'correct it');
  }
}

function checkWritten(gate, event, release) {
  const { home, contracts, baseline, findings, validator } = gate;
  const file = `released/corpus/${release}/${event.typeName}`;
  const read = (end) => readFileSync(join(home, `${file}.${end}`));
  const written = { bytes: read('bin'), said: read('json').toString() };
  const wrong = wrongWith(written, event, contracts.registry, validator);
  if (!wrong) return;
  // The contracts of the last release could read it when it was released; if they cannot, it is the file that changed.
  const before = baseline?.registry.getMessage(event.typeName);
  const damage = before && wrongWith(written, before, baseline.registry, createValidator({ registry: baseline.registry }));
  if (damage)
    return findings.add(
      { file: `${ROOT}/${file}.${damage.end}`, line: 1 },
      `${event.typeName}.${damage.end} must be what release ${release} wrote, which its own contracts could read`,
      'only that proves that old events can be read',
      `take ${file}.bin and .json from the branch that was released`,
    );
  findings.add(
    contracts.placeOf(event),
    `${event.typeName} as release ${release} wrote it ${wrong.what}`,
    wrong.why ?? 'such events are replayed and would be dead-lettered',
    'undo the change, or make it in a new version of the event',
  );
}

/** What is wrong with a written event where these contracts read it, and the end of the name of the file that shows it; undefined if nothing is. */
function wrongWith({ bytes, said }, event, registry, validator) {
  let end = 'bin';
  try {
    const message = fromBinary(event, bytes);
    const violations = violationsOf(validator, event, message);
    if (violations) return { end, what: `must stay valid (${violations})` };
    end = 'json';
    const meant = fromJson(event, JSON.parse(said), { ignoreUnknownFields: true, registry });
    if (equals(event, message, meant)) return undefined;
    return { end, what: 'must keep its meaning', why: 'its bytes are read into other fields or other values' };
  } catch (error) {
    return { end, what: `must stay readable (${oneLine(error)})` };
  }
}

/** What a payload violates, with the path of each field; undefined if it is valid. */
function violationsOf(validator, event, message) {
  const { kind, violations, error } = validator.validate(event, message);
  if (kind === 'error') return oneLine(error);
  if (kind === 'valid') return undefined;
  return violations.map((one) => [pathToString(one.field), oneLine(one)].filter((word) => word !== '').join(': ')).join('; ');
}

/** What an error says, for one of the file system without the place of this checkout. */
const oneLine = (error) => String(error.syscall ? error.code : (error.message ?? error)).replace(/\s+/g, ' ');
