import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Tells one build of a service from another, by the code of the service itself and by the settings that say which events take effect.
 * @param root folder of the compiled service
 */
export function buildOf(root: string, consumedVersions: readonly string[]): string {
  const hash = createHash('sha256').update(consumedVersions.join());
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js'));
  for (const file of files.sort()) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}
