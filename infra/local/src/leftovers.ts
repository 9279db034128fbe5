import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './child';
import { Complaint } from './complaint';

interface RunFile {
  readonly supervisor: Process;
  readonly parts: readonly Process[];
}

interface Process {
  readonly name: string;
  readonly pid: number;
  /** When the process was started, as the operating system tells it: a pid alone may have gone to another program. */
  readonly startedAt: string;
}

const STOP_TIMEOUT_MS = 10_000;

/** Notes which processes belong to this start, so that a later one can clear away what a crash left behind. */
export function noteRun(folder: string, children: readonly Child[]): void {
  const living = children.flatMap(({ options, pid }) => (pid === undefined ? [] : [{ name: options.name, pid }]));
  const [supervisor = '', ...starts] = startsOf([process.pid, ...living.map(({ pid }) => pid)]);
  const parts = living.map((part, i) => ({ ...part, startedAt: starts[i]! }));
  const run: RunFile = { supervisor: { name: 'npm start', pid: process.pid, startedAt: supervisor }, parts };
  // Whole or not at all, whenever this process is killed.
  writeFileSync(`${fileIn(folder)}.new`, JSON.stringify(run, null, 2));
  renameSync(`${fileIn(folder)}.new`, fileIn(folder));
}

/** Forgets the processes of this start; they have all ended. */
export function forgetRun(folder: string): void {
  rmSync(fileIn(folder), { force: true });
}

/**
 * Stops what an earlier start has left running because it was killed itself.
 * @returns the names of the parts that were stopped
 * @throws Complaint if an earlier start still runs
 */
export async function clearLeftovers(folder: string): Promise<string[]> {
  if (!existsSync(fileIn(folder))) return [];
  const { supervisor, parts } = JSON.parse(readFileSync(fileIn(folder), 'utf8')) as RunFile;
  if (lives(supervisor)) throw new Complaint(`The stack is running already (process ${supervisor.pid}); stop it with Ctrl-C there first.`);
  const left = parts.filter(lives);
  for (const { pid } of left) process.kill(pid, 'SIGTERM');
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  while (left.some(lives) && Date.now() < deadline) await sleep(100);
  for (const { pid } of left.filter(lives)) process.kill(pid, 'SIGKILL');
  forgetRun(folder);
  return left.map(({ name }) => name);
}

function lives({ pid, startedAt }: Process): boolean {
  return startedAt !== '' && startsOf([pid])[0] === startedAt;
}

/** When processes were started; empty for those that have ended. */
function startsOf(pids: readonly number[]): string[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=,lstart=', '-p', pids.join(',')], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  const starts = new Map([...(stdout ?? '').matchAll(/^ *(\d+) +(.*\S)/gm)].map(([, pid, start]) => [Number(pid), start!]));
  return pids.map((pid) => starts.get(pid) ?? '');
}

const fileIn = (folder: string) => join(folder, 'run.json');
