// The example of each event, and what earlier releases wrote: both have to be read and found valid with these contracts.
import { equals, fromBinary, fromJson } from '@bufbuild/protobuf';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../contracts.mjs';

/**
 * @param {{home: string, contracts: object, baseline?: object, findings: object}} gate
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
  const releases = existsSync(folder) ? readdirSync(folder).map(Number) : [];
  return releases
    .sort((a, b) => a - b)
    .flatMap((release) =>
      readdirSync(join(folder, String(release)))
        .filter((file) => file.endsWith('.bin'))
        .map((file) => ({ release, name: file.slice(0, -'.bin'.length) })),
    );
}

function checkExample(gate, event) {
  const file = `${ROOT}/examples/${event.typeName}.json`;
  const add = (...sentence) => gate.findings.add({ file, line: 1 }, ...sentence);
  const why = 'the catalogue shows it, and the next release proves with it that old events can be read';
  if (!existsSync(join(gate.home, 'examples', `${event.typeName}.json`)))
    return add(`${event.typeName} must have an example`, why, 'write one: the payload in the JSON of Protobuf, with every field');
  try {
    const wrong = violationsOf(gate.validator, event, exampleOf(gate, event));
    if (wrong) add(`the example of ${event.typeName} must be valid (${wrong})`, why, 'correct it');
  } catch (error) {
    add(`the example of ${event.typeName} must be readable (${oneLine(error)})`, why, 'correct it');
  }
}

function checkWritten({ home, contracts, findings, validator }, event, release) {
  const path = join(home, 'released', 'corpus', String(release), event.typeName);
  const place = contracts.placeOf(event);
  const written = `${event.typeName} as release ${release} wrote it`;
  const remedy = 'undo the change, or make it in a new version of the event';
  try {
    const message = fromBinary(event, readFileSync(`${path}.bin`));
    const wrong = violationsOf(validator, event, message);
    if (wrong)
      return findings.add(place, `${written} must stay valid (${wrong})`, 'such events are replayed and would be dead-lettered', remedy);
    const said = fromJson(event, JSON.parse(readFileSync(`${path}.json`, 'utf8')), {
      ignoreUnknownFields: true,
      registry: contracts.registry,
    });
    if (!equals(event, message, said))
      findings.add(place, `${written} must keep its meaning`, 'its bytes are read into other fields or other values', remedy);
  } catch (error) {
    findings.add(place, `${written} must stay readable (${oneLine(error)})`, 'such events are replayed and would be dead-lettered', remedy);
  }
}

function violationsOf(validator, event, message) {
  const { kind, violations, error } = validator.validate(event, message);
  if (kind === 'error') return oneLine(error);
  return kind === 'valid' ? undefined : violations.map((one) => oneLine(one)).join('; ');
}

const oneLine = (error) => (error.toString?.() && error.message !== undefined ? String(error.message) : String(error)).replace(/\s+/g, ' ');
