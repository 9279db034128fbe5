import { asyncApi } from './asyncapi';
import { catalogueOf, notesOf, problemsOf, type Catalogue, type Sources } from './catalogue';
import { overview } from './pages/overview';
import { serviceBlock, withBlock } from './pages/service-block';
import { topicPage } from './pages/topic-page';

/** The folder in which everything is generated. */
export const EVENTS = 'docs/events';

/** What the contracts and the manifests make. */
export interface Generated {
  /** Content by path, relative to the repository. */
  readonly files: ReadonlyMap<string, string>;
  /** What keeps the catalogue from being true, in sentences. The files are made all the same. */
  readonly problems: readonly string[];
  /** What somebody ought to know, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Makes every file of the catalogue, not yet formatted. The same sources make the same files.
 * @throws Error if the README of a service holds only one of the marks between which its block stands
 */
export function generate(sources: Sources): Generated {
  const catalogue = catalogueOf(sources);
  return {
    files: new Map([...docs(catalogue), ...readmes(catalogue, sources)]),
    problems: problemsOf(catalogue, sources.manifests),
    notes: notesOf(catalogue),
  };
}

/** All that keeps the catalogue from being in order, in sentences; `stale` are the paths that are not as they were generated. */
export function whatIsWrong({ problems }: Pick<Generated, 'problems'>, stale: readonly string[]): string[] {
  if (stale.length === 0) return [...problems];
  return [
    ...problems,
    `The catalogue of events is not what the contracts and the manifests say (${stale.join(', ')}). Run: npm run events:generate`,
  ];
}

function docs(catalogue: Catalogue): [string, string][] {
  return [
    [`${EVENTS}/README.md`, overview(catalogue)],
    [`${EVENTS}/asyncapi.json`, JSON.stringify(asyncApi(catalogue), null, 2)],
    ...catalogue.topics.map((topic): [string, string] => [`${EVENTS}/${topic.name}.md`, topicPage(catalogue, topic)]),
  ];
}

/** The READMEs of the services, of which only the block is ours. */
function readmes(catalogue: Catalogue, { readmes: written }: Sources): [string, string][] {
  const services = catalogue.services.filter(({ name, manifest }) => manifest && written.has(name));
  return services.map((service) => {
    const path = `apps/${service.name}/README.md`;
    return [path, withBlock(written.get(service.name)!, serviceBlock(catalogue, service), path)];
  });
}
