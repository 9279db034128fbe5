import { ROOT } from '@past-tense/local';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const FOLDER = join(ROOT, '.past-tense', 'prometheus');
// What they are called; Debian has a name of its own for Alertmanager, because it has another one for `alertmanager`.
const PROGRAMS = {
  prometheus: ['prometheus'],
  promtool: ['promtool'],
  alertmanager: ['alertmanager', 'prometheus-alertmanager'],
  amtool: ['amtool'],
} as const;
const PACKAGES = ['prometheus', 'prometheus-alertmanager'];

/** Where the programs are. */
export type PrometheusPrograms = Readonly<Record<keyof typeof PROGRAMS, string>>;

/**
 * Prometheus and Alertmanager: those on the PATH, else Debian's packages, unpacked below `.past-tense` and not installed, so that
 * nothing is started and no rights are needed.
 * @throws Error with the remedy where there are neither
 */
export async function ensurePrometheus(): Promise<PrometheusPrograms> {
  const found = find();
  if (found) return found;
  await unpackPackages();
  const unpacked = find();
  if (unpacked) return unpacked;
  throw new Error(REMEDY);
}

const REMEDY =
  'Prometheus and Alertmanager are missing, and the tests of the alerts run them; install them (apt-get install prometheus prometheus-alertmanager, brew install prometheus alertmanager) and see that prometheus, promtool, alertmanager and amtool are on the PATH.';

function find(): PrometheusPrograms | undefined {
  const places = [...(process.env['PATH'] ?? '').split(':'), join(FOLDER, 'usr', 'bin')];
  const entries = Object.entries(PROGRAMS).map(([program, names]): [string, string | undefined] => [
    program,
    places.flatMap((place) => names.map((name) => join(place, name))).find((path) => existsSync(path)),
  ]);
  return entries.every(([, path]) => path) ? (Object.fromEntries(entries) as PrometheusPrograms) : undefined;
}

async function unpackPackages(): Promise<void> {
  if (spawnSync('apt-get', ['--version']).status !== 0) throw new Error(REMEDY);
  const fresh = `${FOLDER}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  try {
    const download = () => run('apt-get', ['download', '-qq', ...PACKAGES], { cwd: fresh });
    // A machine that has installed nothing yet does not know where packages are.
    await download().catch(() => run('apt-get', ['update', '-qq']).then(download));
    for (const file of readdirSync(fresh)) await run('dpkg-deb', ['-x', file, '.'], { cwd: fresh });
    rmSync(FOLDER, { recursive: true, force: true });
    renameSync(fresh, FOLDER);
  } catch (error) {
    throw new Error(`${REMEDY} (They could not be fetched: ${(error as Error).message.split('\n')[0]})`, { cause: error });
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
