import { kafkaSettings } from '@past-tense/config';
import { jobsSettings } from '@past-tense/jobs';
import { keyStoreSettings } from '@past-tense/privacy';
import { commandServerSettings, messagingSettings } from '@past-tense/service';
import { webhookSettings } from '@past-tense/webhooks';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { exampleOf, libraries, readmeOf, tableOf } from './readmes';

const ROOT = join(__dirname, '..', '..');
const LINES = 60;
const ANY_PORT = 1;
// What these are by default depends on the service and on where it runs.
const DEPENDS = ['HTTP_PORT', 'GRPC_PORT', 'LOG_FORMAT', 'DEDUP_TTL_DAYS'];

type Settings = Readonly<Record<string, z.ZodType>>;
const ofService = Object.entries({ ...messagingSettings(ANY_PORT).shape, ...commandServerSettings(ANY_PORT) });
const settings: Readonly<Record<string, Settings>> = {
  config: kafkaSettings,
  jobs: jobsSettings,
  privacy: keyStoreSettings,
  webhooks: webhookSettings,
  service: Object.fromEntries(ofService.filter(([name]) => !(name in kafkaSettings) && !(name in keyStoreSettings))),
};

/** How a README writes what a setting is when nobody sets it. */
function defaultOf(setting: z.ZodType): string {
  const { success, data } = setting.safeParse(undefined);
  if (!success) return 'required';
  // Without the signs of texts, lists and objects: a list is its values with commas between.
  return JSON.stringify(data ?? '').replace(/["[\]{}]/g, '') || 'none';
}

/** The code of a library, without its tests. */
function codeOf(library: string): string {
  const src = join(ROOT, 'libs', library, 'src');
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => /(?<!spec)\.ts$/.test(file));
  return files.map((file) => readFileSync(join(src, file), 'utf8')).join('\n');
}

/** The figures a library makes, as Prometheus shows them: a counter ends in _total. */
function figuresOf(library: string): string[] {
  const made = [...codeOf(library).matchAll(/(create\w+|gauge|seconds)\(\s*'(\w+(?:\.\w+)+)'/g)];
  return made.map(([, kind, name]) => name!.replaceAll('.', '_') + (/(?<!UpDown)Counter$/.test(kind!) ? '_total' : ''));
}

describe.each(libraries)('the README of %s', (library) => {
  it('begins with its name and takes a screen beside its example', () => {
    const lines = readmeOf(library).split('\n');

    expect(lines[0]).toBe(`# @past-tense/${library}`);
    expect(lines.length - exampleOf(library).split('\n').length).toBeLessThanOrEqual(LINES);
  });

  it('names its settings, each with its default', () => {
    const declared = Object.entries(settings[library] ?? {});
    const said = tableOf(library, 'variable');

    expect([...said.keys()].sort()).toEqual(declared.map(([name]) => name).sort());
    for (const [name, setting] of declared) if (!DEPENDS.includes(name)) expect([name, said.get(name)]).toEqual([name, defaultOf(setting)]);
  });

  it('gives its options the defaults that the code gives them', () => {
    const code = codeOf(library).replaceAll(/(?<=\d)_(?=\d)/g, '');
    const said = [...readmeOf(library).matchAll(/`(\w+)` (\d+)/g)];

    expect(said.filter(([, option, value]) => !new RegExp(`\\b${option}\\b\\W{1,6}${value}\\b`).test(code))).toEqual([]);
  });

  it('names its figures as they are exported, and the list of all figures has them', () => {
    const figures = [...new Set(figuresOf(library))].sort();

    expect([...tableOf(library, 'figure').keys()].sort()).toEqual(figures);
    const all = readFileSync(join(ROOT, 'docs', 'figures.md'), 'utf8');
    expect(figures.filter((name) => !name.startsWith('process_') && !all.includes(`\`${name}\``))).toEqual([]);
  });
});
