import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** Signal that asks it to stop in order. */
  readonly stopSignal?: NodeJS.Signals;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

const LOG_LINES = 5;

// Whoever ends without stopping its processes (an error, a second Ctrl-C) takes them along; nobody else would find them.
const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** A process of the stack. It runs in a group of its own, so that Ctrl-C at the terminal reaches only the one who started it. */
export class Child {
  readonly #process: ChildProcess;
  /** Resolves when the process has ended, however it ended. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #running = true;

  private constructor(
    readonly options: ChildOptions,
    process: ChildProcess,
  ) {
    this.#process = process;
    living.add(process);
    this.exited = new Promise((resolve) => {
      process.once('error', () => this.#ended(resolve, null, null));
      process.once('exit', (code, signal) => this.#ended(resolve, code, signal));
    });
  }

  /** Starts a process whose output goes to a log file. */
  static start(options: ChildOptions): Child {
    mkdirSync(dirname(options.logFile), { recursive: true });
    const log = openSync(options.logFile, 'a');
    try {
      const { command, args, env = process.env, uid, gid } = options;
      return new Child(
        options,
        spawn(command, [...args], { env, stdio: ['ignore', log, log], detached: true, ...(uid !== undefined && { uid, gid }) }),
      );
    } finally {
      closeSync(log);
    }
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Sends a signal, if the process still runs. */
  signal(signal: NodeJS.Signals): void {
    if (this.#running) this.#process.kill(signal);
  }

  /** Ends the process at once, as a crash would. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  /** Asks the process to stop and waits; after `timeoutMs` it is killed. Returns whether it stopped by itself. */
  async stop(timeoutMs: number): Promise<boolean> {
    this.signal(this.options.stopSignal ?? 'SIGTERM');
    const timeout = new AbortController();
    const stopped = await Promise.race([
      this.exited.then(() => true),
      sleep(timeoutMs, false, { signal: timeout.signal }).catch(() => false),
    ]);
    timeout.abort();
    if (!stopped) await this.kill();
    return stopped;
  }

  /** The last lines it said, for a person who has to find out why it ended. */
  lastWords(): string {
    return readFileSync(this.options.logFile, 'utf8').trimEnd().split('\n').slice(-LOG_LINES).join('\n');
  }

  #ended(
    resolve: (result: { code: number | null; signal: NodeJS.Signals | null }) => void,
    code: number | null,
    signal: NodeJS.Signals | null,
  ): void {
    this.#running = false;
    living.delete(this.#process);
    resolve({ code, signal });
  }
}

/**
 * Waits until something is ready.
 * @returns false if the process ended first or the time ran out
 */
export async function untilReady(child: Child, timeoutMs: number, ready: () => Promise<boolean>): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (child.running && Date.now() < deadline) {
    if (await ready().catch(() => false)) return true;
    await sleep(50);
  }
  return false;
}
