import { freePort, PART_PORTS, ROOT, SERVICE_PORTS, SERVICES, Stack, tokenOf, type Child, type StackOptions } from '@past-tense/local';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The services that take part in the events: each has a relay, a consumer or both. */
export const MESSAGING_SERVICES = ['orders', 'payments', 'shipping', 'tracking'] as const;

/** Names of the processes of a stack. */
export const STACK_PROCESSES = [...SERVICES, 'PostgreSQL', 'Kafka', 'registry', 'issuer'] as const;
export type StackProcess = (typeof STACK_PROCESSES)[number];

/** Gives work an empty folder, which is gone afterwards, also where this process ends before. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'past-tense-bench-stack-'));
  // What has just been killed may still be about to write.
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  process.on('exit', remove);
  try {
    return await work(folder);
  } finally {
    remove();
    process.off('exit', remove);
  }
}

/** Everything the system needs, on ports of its own. Nothing is started yet. */
export async function stackIn(folder: string, { progress, env }: Pick<StackOptions, 'progress' | 'env'> = {}): Promise<Stack> {
  const ports: Record<string, number> = {};
  for (const part of Object.keys({ ...SERVICE_PORTS, ...PART_PORTS })) ports[part] = await freePort();
  return new Stack({
    folder,
    jarsFolder: join(ROOT, '.past-tense', 'jars'),
    ports: ports as unknown as StackOptions['ports'],
    ...(progress && { progress }),
    ...(env && { env }),
  });
}

/**
 * Starts a whole stack, lets work run with it, and leaves nothing behind.
 * @param env settings of its services
 */
export async function withStack<T>(work: (stack: Stack) => Promise<T>, env?: NodeJS.ProcessEnv): Promise<T> {
  return await withFolder(async (folder) => {
    const stack = await stackIn(folder, env && { env });
    try {
      await stack.startInfrastructure();
      await stack.startServices();
      return await work(stack);
    } finally {
      await stack.stop();
    }
  });
}

/** The id of each process of a running stack. */
export function pidsOf(stack: Stack): Record<StackProcess, number> {
  const parts: Partial<Record<StackProcess, Child | undefined>> = {
    PostgreSQL: stack.postgres.child,
    Kafka: stack.kafka.child,
    registry: stack.registry.child,
    issuer: stack.issuer.child,
  };
  return Object.fromEntries(
    STACK_PROCESSES.map((name) => [name, (parts[name] ?? stack.service(name as (typeof SERVICES)[number]))!.pid!]),
  ) as Record<StackProcess, number>;
}

/** What a program needs to place orders with a running stack and to see what becomes of them. */
export interface StackAccess {
  readonly ordersUrl: string;
  /** Of somebody who may place orders for anybody. */
  readonly authorization: string;
  readonly sandboxUrl: string;
  readonly ordersDatabase: string;
  readonly trackingDatabase: string;
  readonly broker: string;
}

export async function accessTo(stack: Stack): Promise<StackAccess> {
  return {
    ordersUrl: stack.url('orders'),
    authorization: `Bearer ${await tokenOf(stack.issuer.url, 'support')}`,
    sandboxUrl: stack.url('sandbox'),
    ordersDatabase: stack.postgres.url('orders'),
    trackingDatabase: stack.postgres.url('tracking'),
    broker: stack.kafka.broker,
  };
}

/** Settings with which a service notes where its processor's time goes whenever it is told to, if profiles are wanted. */
export function profilingEnv(): NodeJS.ProcessEnv {
  if (!process.env['BENCH_PROFILE']) return {};
  return { NODE_OPTIONS: `--require ${join(__dirname, 'profiled-service.js')}` };
}

/** Lets work run while the services note where their processor's time goes, if profiles are wanted. */
export async function profiled<T>(stack: Stack, work: () => Promise<T>): Promise<T> {
  if (!process.env['BENCH_PROFILE']) return await work();
  const tell = () => SERVICES.forEach((name) => stack.service(name)!.signal('SIGUSR2'));
  tell();
  const result = await work();
  tell();
  return result;
}
