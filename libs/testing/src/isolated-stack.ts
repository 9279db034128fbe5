import {
  ensureJars,
  freePort,
  Kafka,
  OpenBao,
  PART_PORTS,
  Registry,
  ROOT,
  SERVICE_PORTS,
  Stack,
  type KafkaOptions,
  type StackOptions,
} from '@past-tense/local';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface IsolatedStack {
  readonly stack: Stack;
  /** Stops everything and deletes the data. */
  end(): Promise<void>;
}

const JARS = join(ROOT, '.past-tense', 'jars');

/**
 * A running Kafka of its own for a suite that kills it or needs the real topics.
 * @param options who may do what there, and other server properties
 */
export async function isolatedKafka(
  options: Pick<KafkaOptions, 'authorizer' | 'properties'> = {},
): Promise<{ kafka: Kafka; end(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'past-tense-kafka-'));
  const jars = await ensureJars(JARS, () => undefined);
  const kafka = new Kafka({
    ...options,
    jars: jars.kafka,
    dataDir: join(folder, 'data'),
    logFile: join(folder, 'kafka.log'),
    port: await freePort(),
  });
  await kafka.start();
  return {
    kafka,
    async end() {
      await kafka.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A running schema registry of its own for a suite that needs it empty. */
export async function isolatedRegistry(): Promise<{ registry: Registry; end(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'past-tense-registry-'));
  const jars = await ensureJars(JARS, () => undefined);
  const registry = new Registry({
    jars: jars.registry,
    dataDir: join(folder, 'data'),
    logFile: join(folder, 'registry.log'),
    port: await freePort(),
  });
  await registry.start();
  return {
    registry,
    async end() {
      await registry.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A running OpenBao of its own, from the program that OPENBAO_BINARY names; that has to be set. */
export async function isolatedOpenBao(): Promise<{ openBao: OpenBao; end: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'past-tense-openbao-'));
  const openBao = new OpenBao({
    binary: process.env['OPENBAO_BINARY']!,
    dataDir: join(folder, 'data'),
    logFile: join(folder, 'openbao.log'),
    port: await freePort(),
  });
  await openBao.start();
  return {
    openBao,
    async end() {
      await openBao.kill();
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
