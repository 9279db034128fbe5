import { freePort, ROOT, SERVICES, Stack, type StackOptions } from '@past-tense/local';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface IsolatedStack {
  readonly stack: Stack;
  /** Stops everything and deletes the data. */
  end(): Promise<void>;
}

/** A stack of its own for a suite that needs the real topics: nothing it does is seen by another suite. Nothing is started yet. */
export async function isolatedStack(env: NodeJS.ProcessEnv = {}): Promise<IsolatedStack> {
  const folder = mkdtempSync(join(tmpdir(), 'past-tense-stack-'));
  const ports: Record<string, number> = {};
  for (const part of [...SERVICES, 'postgres', 'kafka', 'registry']) ports[part] = await freePort();
  const stack = new Stack({
    folder,
    jarsFolder: join(ROOT, '.past-tense', 'jars'),
    ports: ports as unknown as StackOptions['ports'],
    env,
  });
  return {
    stack,
    async end() {
      await stack.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
