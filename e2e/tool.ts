import { ROOT } from '@past-tense/local';
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { CONSUMERS, type System } from './system';

/** What a tool has said, and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly complaints: string;
}

/** A tool of the repository at work on a system, as a process of its own. */
export class Tool {
  readonly #child: ChildProcess;
  readonly ended: Promise<Ended>;
  #out = '';
  #complaints = '';

  /** @param name folder of the tool under tools/ */
  constructor(system: System, name: string, args: readonly string[]) {
    const { stack, kafka } = system;
    this.#child = spawn(process.execPath, [join(ROOT, 'tools', name, 'dist', 'main.js'), ...args], {
      env: {
        ...process.env,
        KAFKA_BROKERS: kafka.brokers.join(','),
        ...Object.fromEntries(CONSUMERS.map((consumer) => [`${consumer.toUpperCase()}_DATABASE_URL`, stack.postgres.url(consumer)])),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout!.on('data', (chunk: Buffer) => (this.#out += chunk.toString()));
    this.#child.stderr!.on('data', (chunk: Buffer) => (this.#complaints += chunk.toString()));
    this.ended = new Promise((resolve) =>
      this.#child.once('close', (code) => resolve({ code, out: this.#out, complaints: this.#complaints })),
    );
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

/**
 * Runs a tool to its end.
 * @returns what it printed as JSON
 * @throws Error with what it complained about if it does not end with 0
 */
export async function runTool<T>(system: System, name: string, args: readonly string[]): Promise<T> {
  const { code, out, complaints } = await new Tool(system, name, [...args, '--json']).ended;
  if (code !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${code}: ${complaints}`);
  return JSON.parse(out) as T;
}
