import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import type { Sources } from '../src/catalogue';
import { bringUpToDate, readFormatting, readSources, staleFiles } from '../src/checkout';
import { readContract } from '../src/contract';
import { generate, whatIsWrong, type Generated } from '../src/files';
import { formatted } from '../src/formatting';
import { anchorOf } from '../src/markdown';
import { readManifests } from '../src/manifests';
import { ROOT } from './sources';

let sources: Sources;
let generated: Generated;
let files: Map<string, string>;

beforeAll(async () => {
  sources = readSources(ROOT, readManifests(ROOT, 'source'));
  generated = generate(sources);
  files = await formatted(generated.files, readFormatting(ROOT));
});

describe('the catalogue that is committed', () => {
  it('is what the contracts and the manifests say; npm run events:generate brings it up to date', () => {
    expect(whatIsWrong(generated, staleFiles(ROOT, files))).toEqual([]);
  });

  it('has a page for each topic, and a block for each service that has a manifest and a README', () => {
    const topics = readContract(sources.image).topics.length;

    expect([...files.keys()].filter((path) => /^docs\/events\/[a-z]/.test(path))).toHaveLength(topics + 1);
    for (const { service } of sources.manifests)
      expect(files.get(`apps/${service}/README.md`)).toContain('[topics](../../docs/events/README.md)');
  });

  it('leads nowhere that is not there', () => {
    const lost = [...files]
      .filter(([path]) => path.endsWith('.md'))
      .flatMap(([path, text]) =>
        linksIn(text)
          .filter((link) => !leadsSomewhere(path, text, link))
          .map((link) => `${path}: ${link}`),
      );

    expect(lost).toEqual([]);
  });

  it('does not depend on the order in which things are read', () => {
    const shuffled = {
      ...sources,
      manifests: [...sources.manifests].reverse(),
      examples: new Map([...sources.examples].reverse()),
      readmes: new Map([...sources.readmes].reverse()),
    };

    expect(Object.fromEntries(generate(shuffled).files)).toEqual(Object.fromEntries(generated.files));
  });
});

describe('the manifests', () => {
  const root = mkdtempSync(join(tmpdir(), 'past-tense-apps-'));
  const write = (path: string, content = '') => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };

  afterAll(() => rmSync(root, { recursive: true }));

  it('are found by looking at the folders, and what is not compiled is named with the command that mends it', () => {
    write('apps/sandbox/src/main.ts');
    write('apps/invoicing/src/invoicing.messages.ts');
    expect(() => readManifests(root, 'compiled')).toThrow(
      'apps/invoicing/dist/invoicing.messages.js is missing because invoicing is not compiled. Run: npx tsc -b',
    );

    write(
      'apps/invoicing/dist/invoicing.messages.js',
      "exports.messages = { publishes: [{ typeName: 'invoice.v1.InvoiceIssued' }], reactions: [] };",
    );
    expect(readManifests(root, 'compiled')).toEqual([
      { service: 'invoicing', publishes: ['invoice.v1.InvoiceIssued'], consumes: [], answers: false },
    ]);
  });

  it('that export nothing of the kind are named', () => {
    write('apps/nothing/src/nothing.messages.ts');
    write('apps/nothing/dist/nothing.messages.js', 'exports.said = {};');

    expect(() => readManifests(root, 'compiled')).toThrow(
      'apps/nothing/dist/nothing.messages.js exports no manifest; it has to export one object with `publishes` and `reactions`.',
    );
  });
});

describe('the check', () => {
  const folder = mkdtempSync(join(tmpdir(), 'past-tense-events-'));
  const PAGE = 'docs/events/order-placed.md';
  const OLD = 'docs/events/order-forgotten.md';

  afterAll(() => rmSync(folder, { recursive: true }));

  it('names what is missing, changed or generated no more, in one sentence with the command; writing mends all of it', () => {
    expect(staleFiles(folder, files)).toEqual([...files.keys()].sort());
    bringUpToDate(folder, files);
    expect(staleFiles(folder, files)).toEqual([]);

    writeFileSync(join(folder, PAGE), 'by hand');
    writeFileSync(join(folder, OLD), 'of yesterday');
    expect(whatIsWrong({ problems: [] }, staleFiles(folder, files))).toEqual([
      `The catalogue of events is not what the contracts and the manifests say (${OLD}, ${PAGE}). Run: npm run events:generate`,
    ]);

    expect(bringUpToDate(folder, files)).toEqual([OLD, PAGE]);
    expect(existsSync(join(folder, OLD))).toBe(false);
    expect(readFileSync(join(folder, PAGE), 'utf8')).toBe(files.get(PAGE));
  });
});

const linksIn = (text: string) => [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link!).filter((link) => !link.startsWith('http'));

function leadsSomewhere(path: string, text: string, link: string): boolean {
  const [target, anchor] = link.split('#');
  if (!target) return [...text.matchAll(/^#+ (.+)$/gm)].some(([, heading]) => anchorOf(heading!) === anchor);
  const found = normalize(join(dirname(path), target));
  return files.has(found) || existsSync(join(ROOT, found));
}
