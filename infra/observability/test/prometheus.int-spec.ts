import { allTeams } from '@past-tense/contracts';
import { ensurePrometheus, type PrometheusPrograms } from '@past-tense/testing';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { GENERATED } from '../src/files';

const file = (name: string) => join(GENERATED, name);
let programs: PrometheusPrograms;
const ask = (program: keyof PrometheusPrograms, ...args: string[]) =>
  execFileSync(programs[program], args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

beforeAll(async () => {
  programs = await ensurePrometheus();
});

it('Prometheus takes the rules', () => {
  expect(ask('promtool', 'check', 'rules', file('rules.yml'))).toContain('SUCCESS');
});

it('each alert fires when it should, says who it is for, and stays silent otherwise', () => {
  expect(ask('promtool', 'test', 'rules', join(__dirname, 'rules.test.yml'))).toContain('SUCCESS');
});

it('Alertmanager takes the routing, and tells each team what it owns (T7)', () => {
  expect(ask('amtool', 'check-config', file('alertmanager.yml'))).toContain('SUCCESS');
  const told = (...labels: string[]) =>
    ask('amtool', 'config', 'routes', 'test', `--config.file=${file('alertmanager.yml')}`, ...labels).trim();

  for (const { name } of allTeams()) expect(told(`owner=${name}`, 'alertname=ConsumerLagOverSlo', 'severity=page')).toBe(name);
  expect(told('alertname=LagUnseen', 'owner=everyone')).toBe('everyone');
});
