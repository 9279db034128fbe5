import { status } from '@grpc/grpc-js';
import { tokenOf } from '@past-tense/local';
import { ask } from '@past-tense/testing';
import { readFileSync } from 'node:fs';
import { Random } from '../chaos/random';
import type { System } from '../system';
import { hostileCall, hostileStream, SERVER_FAULTS } from './grpc-attacks';
import { attack, ATTACKS, type Said } from './http-attacks';

export interface BarrageOptions {
  readonly seed: number;
  /** Hostile HTTP requests; as many calls over gRPC go beside one in five of them. */
  readonly requests: number;
  readonly progress?: (done: number) => void;
}

export interface BarrageReport {
  /** How often each attack was answered in which way. */
  readonly answers: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly grpc: Readonly<Record<string, number>>;
  /** What must not have been. */
  readonly faults: readonly string[];
  /** Bytes of physical memory: when it had warmed up, and at the end. */
  readonly memory: Readonly<Record<'orders' | 'shipping', readonly [warm: number, end: number]>>;
}

const CONCURRENCY = 16;
// A stack trace, a path of ours, or words of what stands behind.
const LEAK = /\n\s+at |node_modules|\/(libs|apps)\/|QueryFailedError|TypeError|RangeError|postgres:\/\//;

/** Attacks orders and shipping in every way we know, a bounded number of times, and notes what should not have been. */
export async function barrage(system: System, { seed, requests, progress }: BarrageOptions): Promise<BarrageReport> {
  const { stack } = system;
  const random = new Random(seed);
  const url = new URL(stack.url('orders'));
  const target = { host: url.hostname, port: Number(url.port), token: await tokenOf(stack.issuer.url, 'customer-9') };
  const commands = { address: stack.commandsAddress, token: await stack.ordersToken() };
  const names = Object.keys(ATTACKS);
  const answers: Record<string, Record<string, number>> = {};
  const grpc: Record<string, number> = {};
  const faults: string[] = [];
  const note = ({ attack: name, status: code, text }: Said) => {
    const answered = code === undefined ? 'closed' : String(code);
    (answers[name] ??= {})[answered] = (answers[name][answered] ?? 0) + 1;
    if (code !== undefined && code >= 500) faults.push(`${name}: ${text.slice(0, 300)}`);
    if (LEAK.test(text)) faults.push(`${name} was told of the inside: ${text.slice(0, 500)}`);
  };
  let begun = 0;
  const worker = async (own: Random, until: number) => {
    while (begun < until) {
      const i = begun++;
      note(await attack(names[i % names.length]!, target, own));
      if (i % 5 === 0) {
        const { code, text } = await hostileCall(commands, own);
        grpc[status[code]] = (grpc[status[code]] ?? 0) + 1;
        if (SERVER_FAULTS.includes(code)) faults.push(`gRPC answered ${status[code]}: ${text.slice(0, 300)}`);
        if (LEAK.test(text)) faults.push(`a caller over gRPC was told of the inside: ${text.slice(0, 500)}`);
        if (i % 25 === 0) await hostileStream(commands, own);
      }
      progress?.(begun / requests);
    }
  };
  const workUntil = (until: number) => Promise.all(Array.from({ length: CONCURRENCY }, () => worker(random.fork(), until)));
  // The first part warms up: caches fill, and what is compiled stays.
  await workUntil(Math.ceil(requests / 3));
  const warm = { orders: await memoryOf(system, 'orders'), shipping: await memoryOf(system, 'shipping') };
  await workUntil(requests);
  const memory = {
    orders: [warm.orders, await memoryOf(system, 'orders')] as const,
    shipping: [warm.shipping, await memoryOf(system, 'shipping')] as const,
  };
  for (const service of ['orders', 'shipping'] as const) {
    const { status: health } = await ask(`${stack.url(service)}/health/ready`);
    if (health !== 200) faults.push(`${service} is not ready after it: ${health}`);
    const errors = readFileSync(stack.logFile(service), 'utf8')
      .split('\n')
      .filter((line) => /"level":"(error|fatal)"/.test(line));
    faults.push(...errors.map((line) => `${service} logged ${line.slice(0, 400)}`));
  }
  return { answers, grpc, faults: [...new Set(faults)], memory };
}

async function memoryOf(system: System, service: 'orders' | 'shipping'): Promise<number> {
  const { body } = await ask(`${system.stack.url(service)}/metrics`);
  return Number(/^process_memory_usage\S* (\S+)/m.exec(body as string)![1]);
}
