import { Child, freePort, ROOT, SERVICES } from '@past-tense/local';
import { ask, ensurePrometheus, eventually, type PrometheusPrograms } from '@past-tense/testing';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { System } from './system';

const GENERATED = join(ROOT, 'infra', 'observability', 'generated');
const HOST = '127.0.0.1';
// The rules wait for half a minute over an SLO of another half.
const TO_FIRE_MS = 120_000;

/** Panels that are empty because orders are published in one version, nobody cancels, redirects or receives a parcel or is forgotten here, nothing has failed, or the service calls nobody. */
const NOT_HAPPENED =
  /topic-(customer-forgotten|shipment-(cancelled|delivered)|delivery-address-changed|order-placed-v2)|5\.\.|service-tracking.*breaker_state/;

let system: System;
let folder: string;
let prometheus: string;
let programs: PrometheusPrograms;
const children: Child[] = [];

beforeAll(async () => {
  programs = await ensurePrometheus();
  system = await System.start();
  folder = mkdtempSync(join(tmpdir(), 'past-tense-alerts-'));
  const [lagWatchPort, prometheusPort] = [await freePort(), await freePort()];
  prometheus = `http://${HOST}:${prometheusPort}`;
  const start = (name: string, command: string, args: string[], env = process.env) =>
    children.push(Child.start({ name, command, args, env, logFile: join(folder, `${name}.log`) }));

  start('lag-watch', process.execPath, [join(ROOT, 'infra', 'lag-watch', 'dist', 'main.js')], {
    ...process.env,
    KAFKA_BROKERS: system.stack.kafka.broker,
    HTTP_PORT: String(lagWatchPort),
    LOOK_EVERY_MS: '1000',
  });
  const job = (name: string, url: string) => ({ job_name: name, static_configs: [{ targets: [url.replace('http://', '')] }] });
  writeFileSync(
    join(folder, 'prometheus.yml'),
    JSON.stringify({
      global: { scrape_interval: '2s', evaluation_interval: '2s' },
      rule_files: [join(GENERATED, 'rules.yml')],
      scrape_configs: [...SERVICES.map((name) => job(name, system.stack.url(name))), job('lag-watch', `http://${HOST}:${lagWatchPort}`)],
    }),
  );
  start('prometheus', programs.prometheus, [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=${HOST}:${prometheusPort}`,
  ]);
  await eventually(async () => {
    const { data } = (await ask(`${prometheus}/api/v1/targets`)).body as { data: { activeTargets: { health: string }[] } };
    expect(data.activeTargets.map(({ health }) => health)).toEqual(Array(6).fill('up'));
  }, 30_000);
});
afterAll(async () => {
  await Promise.all(children.map((child) => child.kill()));
  await system.end();
  rmSync(folder, { recursive: true, force: true });
});

/** What Prometheus takes to be firing and whom Alertmanager's routing tells, as `alert to receiver: what`. */
async function told(): Promise<string[]> {
  const { body } = await ask(`${prometheus}/api/v1/alerts`);
  const { alerts } = (body as { data: { alerts: { state: string; labels: Record<string, string> }[] } }).data;
  return alerts
    .filter(({ state }) => state === 'firing')
    .map(({ labels }) => `${labels['alertname']} to ${receiverOf(labels)}: ${labels['topic'] ?? labels['service']}`)
    .sort();
}

function receiverOf(labels: Readonly<Record<string, string>>): string {
  const config = `--config.file=${join(GENERATED, 'alertmanager.yml')}`;
  const args = ['config', 'routes', 'test', config, ...Object.entries(labels).map(([name, value]) => `${name}=${value}`)];
  return execFileSync(programs.amtool, args, { encoding: 'utf8', stdio: 'pipe' }).trim();
}

async function query(expr: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> {
  const { status, body } = await ask(`${prometheus}/api/v1/query?query=${encodeURIComponent(expr)}`);
  expect(`${expr} ${status}`).toBe(`${expr} 200`);
  return (body as { data: { result: { metric: Record<string, string>; value: [number, string] }[] } }).data.result;
}

it('every panel of every dashboard asks for figures that are there (V4)', async () => {
  for (const wish of ['happy', 'declined', 'undeliverable'] as const) await system.untilOver(await system.place(wish), wish);
  for (const [service, path] of [
    ['payments', 'payments'],
    ['shipping', 'shipments'],
  ] as const)
    await ask(`${system.stack.url(service)}/${path}/019aa000-0000-7000-8000-000000000000`);
  const panels = readdirSync(join(GENERATED, 'dashboards')).flatMap((file) => {
    const board = JSON.parse(readFileSync(join(GENERATED, 'dashboards', file), 'utf8')) as {
      panels: { title: string; targets: { expr: string }[] }[];
    };
    return board.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ where: `${file}: ${title}`, expr })));
  });
  expect(panels.length).toBeGreaterThan(100);
  const known = async () => new Set(((await ask(`${prometheus}/api/v1/label/__name__/values`)).body as { data: string[] }).data);
  await eventually(async () => {
    const names = await known();
    const missing = panels.flatMap(({ where, expr }) =>
      metricsIn(expr)
        .filter((name) => !names.has(name))
        .map((name) => `${where}: ${name}`),
    );
    expect(missing).toEqual([]);
  });
  // A label that does not exist gives an empty answer, and so does what has not happened.
  await eventually(async () => {
    const empty: string[] = [];
    for (const { where, expr } of panels) if ((await query(expr)).length === 0) empty.push(`${where}: ${expr}`);
    expect(empty.filter((panel) => !NOT_HAPPENED.test(panel))).toEqual([]);
  });
});

it('lag is seen from outside, none when all is done (V3)', async () => {
  await eventually(async () => {
    const lags = await query('sum by (messaging_consumer_group_name) (past_tense_group_lag)');
    expect(lags.map(({ metric, value }) => [metric['messaging_consumer_group_name'], value[1]]).sort()).toEqual([
      ['orders', '0'],
      ['payments', '0'],
      ['shipping', '0'],
      ['tracking', '0'],
    ]);
  });
});

it('a consumer that stops is noticed: its owner is told that nobody consumes, the topic owner that it is late; both end by themselves (V4, T7)', async () => {
  expect(await told()).toEqual([]);
  await system.stack.service('payments')!.stop(8_000);
  const order = await system.place();

  await eventually(async () => {
    const alerts = await told();
    expect(alerts).toContain('ConsumerWithoutMembers to payments: payments');
    expect(alerts).toContain('ConsumerLagOverSlo to ordering: order-placed');
  }, TO_FIRE_MS);

  await system.stack.startService('payments');
  await system.untilOver(order, 'happy');
  await eventually(async () => expect(await told()).toEqual([]), TO_FIRE_MS);
}, 300_000);

/** Names of the metrics in an expression: what is left of it without labels and functions. */
function metricsIn(expr: string): string[] {
  const bare = expr.replace(/\{[^}]*\}/g, '').replace(/by \([^)]*\)/g, '');
  return [...bare.matchAll(/[a-z][a-z0-9_:]*_[a-z0-9_:]+(?!\w*\()/g)].map(([name]) => name).filter((name) => name !== 'histogram_quantile');
}
