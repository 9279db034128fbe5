import { parseArgs } from 'node:util';
import { Complaint } from './complaint';
import { followOrder, type FollowedOrder, type Wish } from './follow-order';
import { portsFrom } from './settings';

const ORDER_TIMEOUT_MS = 60_000;
const CONCURRENCY = 5;
const BAR = 30;

/** Places many orders, a few at a time, with declines and undeliverable addresses among them, and sums up how they ended. */
async function demo(): Promise<void> {
  const { values } = parseArgs({ options: { orders: { type: 'string', default: '50' } } });
  const count = Number(values.orders);
  if (!Number.isInteger(count) || count < 1 || count > 100_000) throw new Complaint('--orders must be a whole number from 1 to 100000.');
  const ports = portsFrom(process.env);
  const [orders, tracking, issuer] = [ports.orders, ports.tracking, ports.issuer].map((port) => `http://127.0.0.1:${port}`) as [
    string,
    string,
    string,
  ];
  const urls = { orders, tracking, issuer };
  await fetch(`${urls.orders}/health/ready`).catch(() => {
    throw new Complaint(`The stack does not run (nothing answers at ${urls.orders}); start it with npm start in another terminal.`);
  });

  const startedAt = performance.now();
  const ended = new Map<Wish, FollowedOrder[]>([
    ['happy', []],
    ['declined', []],
    ['undeliverable', []],
  ]);
  let next = 0;
  let done = 0;
  const worker = async () => {
    for (let i = next++; i < count; i = next++) {
      const wish = wishOf(i);
      ended.get(wish)!.push(await followOrder(urls, wish, ORDER_TIMEOUT_MS));
      progress(++done, count);
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, count) }, worker));
  if (process.stdout.isTTY) process.stdout.write('\n');
  summary(ended, performance.now() - startedAt);
}

/** One in ten is declined and one in ten cannot be delivered. */
function wishOf(i: number): Wish {
  if (i % 10 === 3) return 'declined';
  return i % 10 === 7 ? 'undeliverable' : 'happy';
}

function progress(done: number, count: number): void {
  if (!process.stdout.isTTY) return;
  const filled = Math.round((BAR * done) / count);
  process.stdout.write(`\r[${'#'.repeat(filled)}${'.'.repeat(BAR - filled)}] ${done} of ${count} orders`);
}

function summary(ended: ReadonlyMap<Wish, readonly FollowedOrder[]>, tookMs: number): void {
  const all = [...ended.values()].flat();
  const endings: Record<Wish, string> = {
    happy: 'completed',
    declined: 'cancelled, payment declined',
    undeliverable: 'cancelled, undeliverable, refunded',
  };
  console.log(`${all.length} orders in ${(tookMs / 1000).toFixed(1)} s`);
  for (const [wish, orders] of ended) {
    if (orders.length === 0) continue;
    const times = orders.map((order) => order.tookMs).sort((a, b) => a - b);
    console.log(
      `  ${String(orders.length).padStart(6)} ${endings[wish].padEnd(36)} median ${quantile(times, 0.5)} ms, p95 ${quantile(times, 0.95)} ms from the request to the last fact`,
    );
  }
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]!;
}

demo().catch((error: unknown) => {
  const { code, message } = error as NodeJS.ErrnoException;
  process.stderr.write(
    `\n${error instanceof Complaint || String(code).startsWith('ERR_PARSE_ARGS') ? message : `The demo stopped: ${message}`}\n`,
  );
  process.exitCode = 1;
});
