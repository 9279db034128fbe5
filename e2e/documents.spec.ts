import { allServices, allTeams } from '@past-tense/contracts';
import { ROOT } from '@past-tense/local';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { documentPaths, HEADINGS, readDocument, readRunbook, runbookNames } from './runbooks/document';

// What the documents say is looked at here; runbooks.e2e-spec.ts runs it.
describe('the runbooks (R5)', () => {
  const files = ['README', ...runbookNames()];
  const text = (name: string) => readFileSync(join(ROOT, 'docs', 'runbooks', `${name}.md`), 'utf8');

  it.each(runbookNames())(
    '%s says the symptom, the owner, where to look, how to decide, what to do and how to see that it helped',
    (name) => {
      const { headings, blocks, prose } = readRunbook(name);

      expect(headings).toEqual(HEADINGS);
      expect(HEADINGS.filter((heading) => !prose[heading]?.trim())).toEqual([]);
      expect(new Set(blocks.map(({ heading }) => heading))).toEqual(new Set(['Look', 'Do', 'Verify']));
      expect(prose['Owner']).toMatch(new RegExp([...allTeams().map((team) => team.name), 'Everyone'].join('|')));
    },
  );

  it.each(files)('%s has no command that is not tried', (name) => {
    expect(
      text(name)
        .match(/^ *```.*$/gm)
        ?.filter((fence) => !/^```(sh)?$/.test(fence)) ?? [],
    ).toEqual([]);
    const words = text(name).replace(/^```sh$[^]*?^```$/gm, '');
    expect(words.match(/`(npm run|curl|docker|kubectl|psql|node|kill|SELECT|GET|POST|PUT) [^`]*`/g) ?? []).toEqual([]);
    expect(words.match(/^ {4,}\S.*$/gm) ?? []).toEqual([]);
  });

  it.each(files)('%s links to what is there', (name) => {
    const links = [...text(name).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, link]) => link!).filter((link) => !/^https?:/.test(link));

    expect(links.filter((link) => !existsSync(join(ROOT, 'docs', 'runbooks', link)))).toEqual([]);
  });

  it('are found from the index, the alerts and the events', () => {
    expect(runbookNames().filter((name) => !text('README').includes(`](${name}.md)`))).toEqual([]);
    const rules = readFileSync(join(ROOT, 'infra', 'observability', 'generated', 'rules.yml'), 'utf8');
    const alerts = [...rules.matchAll(/alert: (\w+)[^]*?runbook_url: docs\/runbooks\/([\w-]+)\.md/g)];
    expect(alerts.length).toBeGreaterThan(0);
    for (const [, alert, name] of alerts) expect(`${name}: ${readRunbook(name!).prose['Symptom']}`).toContain(`\`${alert}\``);
    for (const { name, owner } of allServices()) expect(text('README')).toMatch(new RegExp(`^\\| ${owner} +\\| [^|]*\\b${name}\\b`, 'm'));
    for (const { name, contact } of allTeams()) expect(text('README')).toMatch(new RegExp(`^\\| ${name} .*${contact}`, 'm'));
    const events = join(ROOT, 'docs', 'events');
    const linked = readdirSync(events).flatMap((file) =>
      [...readFileSync(join(events, file), 'utf8').matchAll(/\]\((\.\.\/runbooks\/[\w-]+\.md)\)/g)].map(([, link]) => join(events, link!)),
    );
    expect(linked.length).toBeGreaterThan(0);
    expect(linked.filter((path) => !existsSync(path)).map(dirname)).toEqual([]);
  });
});

describe('the documents', () => {
  const documents = documentPaths();
  const LANGUAGES = ['text', 'ts', 'js', 'json', 'proto', 'sql', 'mermaid'];

  it.each(documents)(
    '%s says of what is no command in which language it is, and who runs the commands that runbooks.e2e-spec.ts does not, or why nobody does',
    (path) => {
      const { blocks, others } = readDocument(path);

      expect(others.filter(({ language }) => !LANGUAGES.includes(language))).toEqual([]);
      for (const { line, commands, mark } of blocks) {
        if (!mark || 'reason' in mark) continue;
        const files = mark.runBy
          .filter((file) => existsSync(join(ROOT, file)))
          .map((file) => readFileSync(join(ROOT, file), 'utf8').toLowerCase());
        expect([`${path}:${line}`, files.length]).toEqual([`${path}:${line}`, mark.runBy.length]);
        // Whoever runs them says each of their flags, or reads them here.
        if (files.some((file) => file.includes(path.toLowerCase()))) continue;
        const flags = [...commands.matchAll(/ --([a-z][a-z-]+)/g)].map(([, flag]) => flag!);
        expect([`${path}:${line}`, flags.filter((flag) => !files.some((file) => file.includes(flag)))]).toEqual([`${path}:${line}`, []]);
      }
    },
  );

  it.each(documents)('%s links to what is there', (path) => {
    const links = [...readFileSync(join(ROOT, path), 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, link]) => link!);

    expect(links.filter((link) => !/^\w+:/.test(link) && !existsSync(join(ROOT, dirname(path), link)))).toEqual([]);
  });
});
