import { readdirSync, readFileSync } from 'node:fs';

/** What the kernel counts in: USER_HZ, which is 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/**
 * Processor time that a process and its children have used so far, seconds, those that have ended among them.
 * @throws Error if it does not run, or where there is no /proc (only Linux has it)
 */
export function cpuSecondsOf(pid: number): number {
  return withChildren(pid).reduce((sum, { ticks }) => sum + ticks, 0) / TICKS_PER_SECOND;
}

/**
 * Resident memory of a process, megabytes. That of one with children is what all of them share, once, and what each has to itself.
 * @throws Error if it does not run, or where there is no /proc
 */
export function residentMegabytesOf(pid: number): number {
  const pids = withChildren(pid).map((one) => one.pid);
  const kilobytes = pids.reduce((sum, one) => sum + memoryOf(one, pids.length === 1 ? 'Rss' : 'Pss'), 0);
  return kilobytes / 1_024;
}

/**
 * The most resident memory that a process without children has had, megabytes.
 * @throws Error if it does not run, or where there is no /proc
 */
export function peakMegabytesOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
}

interface ProcessTimes {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

/**
 * Reads /proc/<pid>/stat: the name in it may hold blanks and brackets, so what counts begins behind the last bracket.
 * https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
export function readStat(stat: string): ProcessTimes {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [, parent] = fields;
  // utime, stime, and those of the children that have ended: cutime, cstime.
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { pid: Number.parseInt(stat, 10), parent: Number(parent), ticks };
}

function withChildren(root: number): ProcessTimes[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statOf(name));
  const found = all.filter(({ pid }) => pid === root);
  if (found.length === 0) throw new Error(`There is no process ${root}.`);
  // Grows while it is walked through: children of children follow.
  for (const { pid } of found) found.push(...all.filter(({ parent }) => parent === pid));
  return found;
}

function statOf(pid: string): ProcessTimes[] {
  try {
    return [readStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))];
  } catch {
    return []; // It has ended since the folder was listed.
  }
}

function memoryOf(pid: number, value: 'Rss' | 'Pss'): number {
  try {
    return Number(new RegExp(`^${value}: +(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // It has ended.
  }
}
