import { allServices, allTeams, allTopics } from '@past-tense/contracts';
import { SERVICE_PORTS } from '@past-tense/local';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { alertmanager } from './alertmanager';
import { dashboards } from './dashboards';
import { prometheus } from './prometheus';
import { ruleGroups } from './rules';

/** Folder of the generated files. */
export const GENERATED = join(__dirname, '..', 'generated');

const HEADER = '# Generated from the catalogue of topics and services. Run `npm run observability:generate`.\n';

/** Everything that is generated: content by path below the folder. */
export function generatedFiles(): Map<string, string> {
  const [topics, services] = [allTopics(), allServices()];
  return new Map([
    ['rules.yml', yaml({ groups: ruleGroups(topics, services) })],
    ['prometheus.yml', yaml(prometheus(SERVICE_PORTS))],
    ['alertmanager.yml', yaml(alertmanager(allTeams().map(({ name }) => name)))],
    ...dashboards(topics, services).map((board): [string, string] => [
      `dashboards/${board.uid}.json`,
      `${JSON.stringify(board, null, 2)}\n`,
    ]),
  ]);
}

function yaml(content: object): string {
  return HEADER + stringify(content, { lineWidth: 0, aliasDuplicateObjects: false });
}
