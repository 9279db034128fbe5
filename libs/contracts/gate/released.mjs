// What was released: the compiled contracts of the last release, and the list of all.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, readImage } from './contracts.mjs';
import { isDay } from './days.mjs';

const WHY = 'changes would be compared with contracts that nobody released';
const REMEDY = 'take the folder libs/contracts/released from the branch that was released';

/** The digest that `releases.json` holds of an image. */
export const digestOf = (bytes) => createHash('sha256').update(bytes).digest('hex');

/**
 * The entry of a release in `releases.json`, with a digest of what it says and of the entries before it.
 * @param {object[]} before the entries of the releases before it
 * @param {{number: number, date: string, image: string, events: string[], retired?: string[]}} said
 */
export function entryOf(before, { number, date, image, events, retired }) {
  const said = { number, date, image, events, ...(retired && { retired }) };
  return { ...said, digest: digestOf(JSON.stringify([before.at(-1)?.digest, said])) };
}

/**
 * @returns {{image?: import('@bufbuild/protobuf/wkt').FileDescriptorSet, releases: ReturnType<typeof entryOf>[], refusal?: unknown[], isFirst?: boolean}}
 *   a refusal, as the arguments of a finding, and no image if what is there is not what was released; `isFirst` if nothing is there
 */
export function readReleased(home) {
  const folder = join(home, 'released');
  const refuse = (file, what, remedy = REMEDY) => [{ file: `${ROOT}/released/${file}`, line: 1 }, what, WHY, remedy];
  if (!existsSync(folder))
    return {
      releases: [],
      isFirst: true,
      refusal: refuse(
        'releases.json',
        'the folder of releases is missing and must be there',
        `${REMEDY}, or run \`npm run contracts:release\` if nothing was ever released`,
      ),
    };
  const releases = listIn(join(folder, 'releases.json'));
  if (!releases) return { releases: [], refusal: refuse('releases.json', 'releases.json must list the releases') };
  const altered = releases.find((one, i) => entryOf(releases.slice(0, i), one).digest !== one.digest);
  if (altered)
    return {
      releases,
      refusal: refuse('releases.json', `release ${altered.number} in releases.json must be what was written when it was made`),
    };
  const path = join(folder, 'image.binpb');
  const bytes = bytesIn(path);
  if (releases.at(-1).image === digestOf(bytes)) return { image: readImage(bytes), releases };
  return { releases, refusal: refuse('image.binpb', 'image.binpb must be what the last release wrote') };
}

/** What is in a file; nothing if it cannot be read. */
function bytesIn(path) {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

/** The releases in a file; undefined if it does not hold them, one after the other. */
function listIn(path) {
  try {
    const releases = JSON.parse(readFileSync(path, 'utf8'));
    return releases.length > 0 && releases.every(isEntry) ? releases : undefined;
  } catch {
    return undefined;
  }
}

const isEntry = ({ number, date, image, events, retired = [] }, i) =>
  number === i + 1 && isDay(date) && [image, ...events, ...retired].every((one) => typeof one === 'string');
