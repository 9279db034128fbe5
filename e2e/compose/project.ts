import { ROOT } from '@past-tense/local';
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
// A name of its own, so that what a person has running is left alone. The ports are the same: only one can be up.
const NAME = 'past-tense-check';
const MAX_OUTPUT_BYTES = 64 * 1_048_576;

export interface ContainerUse {
  readonly service: string;
  readonly memory: string;
}

/** The compose file, under a project name of its own. */
export class ComposeProject {
  /** @param profiles which profiles take part */
  constructor(private readonly profiles: readonly string[]) {}

  /** Services of the profiles whose images are here or can be had; and those whose are not. */
  async services(): Promise<{ available: string[]; missing: string[] }> {
    const { services } = JSON.parse(await this.#compose(['config', '--format', 'json'])) as {
      services: Record<string, { image: string; build?: object }>;
    };
    const available: string[] = [];
    const missing: string[] = [];
    for (const [name, { image, build }] of Object.entries(services)) {
      const there = build !== undefined || (await succeeds('image', 'inspect', image)) || (await succeeds('pull', '-q', image));
      (there ? available : missing).push(name);
    }
    return { available, missing };
  }

  /** Builds and starts services and waits until they are healthy. */
  async up(services: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
    await this.#compose(['up', '--build', '--wait', '--wait-timeout', '240', ...services], env);
  }

  /** Stops a service in order. Returns the milliseconds it took and the code it ended with. */
  async stop(service: string): Promise<{ ms: number; code: number }> {
    const startedAt = performance.now();
    await this.#compose(['stop', service]);
    const ms = performance.now() - startedAt;
    const id = (await this.#compose(['ps', '-aq', service])).trim();
    return { ms, code: Number((await docker(['inspect', '--format', '{{.State.ExitCode}}', id])).trim()) };
  }

  /** Stops everything and deletes the data. */
  async down(): Promise<void> {
    await this.#compose(['down', '--volumes', '--remove-orphans']);
  }

  async use(): Promise<ContainerUse[]> {
    const ids = (await this.#compose(['ps', '-q'])).trim().split('\n');
    const lines = await docker(['stats', '--no-stream', '--format', '{{.Name}}\t{{.MemUsage}}', ...ids]);
    return lines
      .trim()
      .split('\n')
      .map((line) => line.split('\t') as [string, string])
      .map(([name, memory]) => ({ service: name.replace(`${NAME}-`, '').replace(/-\d+$/, ''), memory: memory.split(' / ')[0]! }));
  }

  async imageBytes(image: string): Promise<number> {
    return Number((await docker(['image', 'inspect', '--format', '{{.Size}}', image])).trim());
  }

  async #compose(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const profiles = this.profiles.flatMap((profile) => ['--profile', profile]);
    return await docker(['compose', '-p', NAME, ...profiles, ...args], { ...process.env, ...env });
  }
}

/** Runs docker; what it says goes into the error if it fails. */
async function docker(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  try {
    return (await run('docker', [...args], { cwd: ROOT, env, maxBuffer: MAX_OUTPUT_BYTES })).stdout;
  } catch (error) {
    const { code, stderr = '', message } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT')
      throw new Error('docker is missing; install Docker with compose v2 and see that "docker" is on the PATH.', { cause: error });
    const said = stderr.trim().split('\n').slice(-5).join('\n') || message;
    throw new Error(`docker ${args.slice(0, 6).join(' ')} … failed. It said:\n${said}`, { cause: error });
  }
}

async function succeeds(...args: string[]): Promise<boolean> {
  return await new Promise((resolve) => {
    const child = spawn('docker', args, { stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}
