// What was released: the compiled contracts of the last release, and the list of all.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, readImage } from './contracts.mjs';

/** The digest that `releases.json` holds of an image. */
export const digestOf = (bytes) => createHash('sha256').update(bytes).digest('hex');

/**
 * @returns {{image?: import('@bufbuild/protobuf/wkt').FileDescriptorSet, releases: {number: number, date: string, image: string, events: string[], retired?: string[]}[]}}
 *   no image before the first release, and none if it is not what was released
 */
export function readReleased(home, findings) {
  const folder = join(home, 'released');
  const place = (file) => ({ file: `${ROOT}/released/${file}`, line: 1 });
  if (!existsSync(folder)) {
    findings.note(place('releases.json'), 'nothing was released yet, so nothing is compared; run: npm run contracts:release');
    return { releases: [] };
  }
  const why = 'changes would be compared with contracts that nobody released';
  const remedy = 'take the folder libs/contracts/released from the branch that was released';
  const releases = listIn(join(folder, 'releases.json'));
  if (!releases) {
    findings.add(place('releases.json'), 'releases.json must list the releases', why, remedy);
    return { releases: [] };
  }
  const image = join(folder, 'image.binpb');
  const bytes = existsSync(image) ? readFileSync(image) : Buffer.alloc(0);
  if (releases.at(-1).image === digestOf(bytes)) return { image: readImage(bytes), releases };
  findings.add(place('image.binpb'), 'image.binpb must be what the last release wrote', why, remedy);
  return { releases };
}

/** The releases in a file; undefined if it holds none. */
function listIn(path) {
  try {
    const releases = JSON.parse(readFileSync(path, 'utf8'));
    return releases.length > 0 ? releases : undefined;
  } catch {
    return undefined;
  }
}
