import { fork, type ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Sample } from './comparison';
import type { FromProgram } from './program';

const NOWHERE = openSync('/dev/null', 'w');

/** A program of this benchmark that has prepared itself. */
export interface StartedProgram {
  /**
   * Lets it work. Returns what that took, also of the whole machine's processors.
   * @throws Error if it fails, be it only at its end
   */
  go(): Promise<Sample>;
  /** Rejects if it ends otherwise than in order. */
  readonly failed: Promise<never>;
  /** Ends it, should it still run. */
  end(): void;
}

/**
 * Starts a program in a process of its own. What it logs goes nowhere, as to a collector that reads it from a pipe.
 * @param name its file in programs/
 * @throws Error if it ends before it is ready
 */
export async function startProgram(name: string, options: object, env: NodeJS.ProcessEnv = {}): Promise<StartedProgram> {
  const child = fork(join(__dirname, 'programs', `${name}.js`), {
    stdio: ['ignore', NOWHERE, 'inherit', 'ipc'],
    env: { ...process.env, ...env },
  });
  const failed = new Promise<never>((_, reject) => {
    child.once('exit', (code, signal) => {
      if (code !== 0) reject(new Error(`The program ${name} ended with ${code ?? signal}.`));
    });
  });
  failed.catch(() => undefined); // Whoever does not listen learns it from go().
  const ready = next(child, name);
  child.send(options);
  await ready;
  return {
    failed,
    async go() {
      const before = busySeconds();
      const said = next(child, name);
      child.send('go');
      const { figures } = (await said) as { figures: Record<string, number> };
      const all = busySeconds() - before;
      const code = child.exitCode ?? (await new Promise((resolve) => child.once('exit', resolve)));
      if (code !== 0) throw new Error(`The program ${name} ended with ${String(code)}.`);
      const { events } = figures;
      return { values: { ...figures, ...(events !== undefined && { machineMsPerThousand: (all * 1_000_000) / events }) } };
    },
    end() {
      if (child.exitCode === null) child.kill('SIGKILL');
    },
  };
}

/** Starts a program, lets it work and returns what that took. */
export async function runProgram(name: string, options: object, env?: NodeJS.ProcessEnv): Promise<Sample> {
  return await (await startProgram(name, options, env)).go();
}

/**
 * Starts a program several times and gives all of them to work once they are ready. None of them is left when it returns.
 * @param options of each
 * @throws Error if one of them fails; what `work` throws otherwise
 */
export async function withPrograms<T>(
  name: string,
  options: readonly object[],
  work: (programs: readonly StartedProgram[]) => Promise<T>,
): Promise<T> {
  const starting = options.map((one) => startProgram(name, one));
  try {
    const programs = await Promise.all(starting);
    return await Promise.race([work(programs), ...programs.map(({ failed }) => failed)]);
  } finally {
    for (const started of await Promise.allSettled(starting)) if (started.status === 'fulfilled') started.value.end();
  }
}

async function next(child: ChildProcess, name: string): Promise<FromProgram> {
  return await new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`The program ${name} ended with ${code}.`));
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message as FromProgram);
    });
  });
}

/** Processor time that everything on this machine has used, seconds. */
function busySeconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1_000;
}
