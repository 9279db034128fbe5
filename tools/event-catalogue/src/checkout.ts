import type { JsonValue } from '@bufbuild/protobuf';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Sources } from './catalogue';
import { EVENTS } from './files';
import { buildImage, CONTRACTS } from './image';
import type { Manifest } from './manifests';

/**
 * Reads everything else the catalogue is made from.
 * @param root folder of the repository
 * @param manifests those of the services
 * @throws Error in one sentence: the contracts do not compile, or an example is no JSON
 */
export function readSources(root: string, manifests: readonly Manifest[]): Sources {
  return {
    image: buildImage(root),
    manifests,
    examples: readExamples(root),
    readmes: readReadmes(join(root, 'apps')),
    version: (readJson(root, 'package.json') as { version: string }).version,
  };
}

/** How this repository is formatted. */
export function readFormatting(root: string): object {
  return readJson(root, '.prettierrc.json') as object;
}

function readExamples(root: string): Map<string, JsonValue> {
  const folder = `${CONTRACTS}/examples`;
  const files = existsSync(join(root, folder)) ? readdirSync(join(root, folder)).filter((file) => file.endsWith('.json')) : [];
  return new Map(files.map((file) => [file.slice(0, -'.json'.length), readJson(root, `${folder}/${file}`)]));
}

function readReadmes(apps: string): Map<string, string> {
  const written = readdirSync(apps).filter((service) => existsSync(join(apps, service, 'README.md')));
  return new Map(written.map((service) => [service, readFileSync(join(apps, service, 'README.md'), 'utf8')]));
}

function readJson(root: string, path: string): JsonValue {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')) as JsonValue;
  } catch (error) {
    throw new Error(`${path} cannot be read as JSON: ${(error as Error).message}`);
  }
}

/** The paths that are not as they were generated: changed, missing, or generated no more. */
export function staleFiles(root: string, files: ReadonlyMap<string, string>): string[] {
  const differing = [...files].filter(
    ([path, content]) => !existsSync(join(root, path)) || readFileSync(join(root, path), 'utf8') !== content,
  );
  return [...differing.map(([path]) => path), ...leftOvers(root, files)].sort();
}

/** Writes what is not as it was generated, and removes what is generated no more. Returns the paths. */
export function bringUpToDate(root: string, files: ReadonlyMap<string, string>): string[] {
  const stale = staleFiles(root, files);
  for (const path of stale) {
    const content = files.get(path);
    if (content === undefined) rmSync(join(root, path));
    else {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
  }
  return stale;
}

/** Nothing in the folder of the catalogue is written by hand. */
function leftOvers(root: string, files: ReadonlyMap<string, string>): string[] {
  const folder = join(root, EVENTS);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${EVENTS}/${join(entry.parentPath, entry.name).slice(folder.length + 1)}`)
    .filter((path) => !files.has(path));
}
