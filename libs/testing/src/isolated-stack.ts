import { ensureJars, freePort, Kafka, PART_PORTS, ROOT, SERVICE_PORTS, Stack, type StackOptions } from '@past-tense/local';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface IsolatedStack {
  readonly stack: Stack;
  /** Stops everything and deletes the data. */
  end(): Promise<void>;
}

const JARS = join(ROOT, '.past-tense', 'jars');

/** A running Kafka of its own for a suite that kills it or needs the real topics. */
export async function isolatedKafka(): Promise<{ kafka: Kafka; end(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'past-tense-kafka-'));
  const jars = await ensureJars(JARS, () => undefined);
  const kafka = new Kafka({ jars: jars.kafka, dataDir: join(folder, 'data'), logFile: join(folder, 'kafka.log'), port: await freePort() });
  await kafka.start();
  return {
    kafka,
    async end() {
      await kafka.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A stack of its own for a suite that needs the real topics: nothing it does is seen by another suite. Nothing is started yet. */
export async function isolatedStack(env: NodeJS.ProcessEnv = {}): Promise<IsolatedStack> {
  const folder = mkdtempSync(join(tmpdir(), 'past-tense-stack-'));
  const ports: Record<string, number> = {};
  for (const part of Object.keys({ ...SERVICE_PORTS, ...PART_PORTS })) ports[part] = await freePort();
  const stack = new Stack({
    folder,
    jarsFolder: JARS,
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
