import { ROOT } from '@past-tense/local';
import { ask } from '@past-tense/testing';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const DASHBOARDS = join(ROOT, 'infra', 'observability', 'generated', 'dashboards');
const PROMETHEUS = 'http://127.0.0.1:9090';
const ALERTMANAGER = 'http://127.0.0.1:9093';

/** Targets that Prometheus does not reach. */
export async function targetsDown(): Promise<string[]> {
  const { body } = await ask(`${PROMETHEUS}/api/v1/targets`);
  const { activeTargets } = (body as { data: { activeTargets: { labels: { job: string }; health: string }[] } }).data;
  return activeTargets.filter(({ health }) => health !== 'up').map(({ labels }) => labels.job);
}

/** Asks Prometheus what every panel asks. Returns the panels it refuses, and how many have an answer and how many an empty one. */
export async function askAllPanels(): Promise<{ refused: string[]; answered: number; empty: number }> {
  const result = { refused: [] as string[], answered: 0, empty: 0 };
  for (const file of readdirSync(DASHBOARDS)) {
    const { panels } = JSON.parse(readFileSync(join(DASHBOARDS, file), 'utf8')) as {
      panels: { title: string; targets: { expr: string }[] }[];
    };
    for (const { title, targets } of panels)
      for (const { expr } of targets) {
        const { status, body } = await ask(`${PROMETHEUS}/api/v1/query?query=${encodeURIComponent(expr)}`);
        if (status !== 200) result.refused.push(`${file}: ${title}: ${expr}`);
        else if ((body as { data: { result: unknown[] } }).data.result.length > 0) result.answered += 1;
        else result.empty += 1;
      }
  }
  return result;
}

/** Alerts that Alertmanager tells now, as `alert to receiver`. */
export async function told(): Promise<string[]> {
  const { body } = await ask(`${ALERTMANAGER}/api/v2/alerts?active=true&inhibited=false&silenced=false`);
  return (body as { labels: { alertname: string }; receivers: { name: string }[] }[]).map(
    ({ labels, receivers }) => `${labels.alertname} to ${receivers.map(({ name }) => name).join()}`,
  );
}
