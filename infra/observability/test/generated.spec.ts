import { allServices, allTeams, allTopics } from '@past-tense/contracts';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GENERATED, generatedFiles } from '../src/files';
import { EVERYONE, ruleGroups } from '../src/rules';

const ROOT = join(__dirname, '..', '..', '..');
const alerts = ruleGroups(allTopics(), allServices()).flatMap(({ rules }) => rules.filter(({ alert }) => alert));

describe('what is generated from the catalogue (V4)', () => {
  it('is what is committed; npm run observability:generate brings it up to date', () => {
    const committed = readdirSync(GENERATED, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(GENERATED.length + 1));

    expect(committed.sort()).toEqual([...generatedFiles().keys()].sort());
    for (const [path, content] of generatedFiles())
      expect(`${path}\n${readFileSync(join(GENERATED, path), 'utf8')}`).toBe(`${path}\n${content}`);
  });

  it('gives every alert an owner who exists and a runbook that is there (T7)', () => {
    const owners = new Set([EVERYONE, ...allTeams().map(({ name }) => name)]);

    for (const { alert, labels, annotations } of alerts) {
      expect(`${alert} ${owners.has(labels!['owner']!)}`).toBe(`${alert} true`);
      expect(`${alert} ${existsSync(join(ROOT, annotations!['runbook_url']!))}`).toBe(`${alert} true`);
    }
  });

  it('has an alert on the lag of each topic with the SLO of its contract, for its owner', () => {
    for (const { name, owner, lagSloMs } of allTopics()) {
      const [lag] = alerts.filter(({ alert, labels }) => alert === 'ConsumerLagOverSlo' && labels!['topic'] === name);
      expect(lag!.labels!['owner']).toBe(owner);
      expect(lag!.expr.endsWith(`> ${lagSloMs / 1000}`)).toBe(true);
    }
  });
});
