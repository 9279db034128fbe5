import { setTimeout as sleep } from 'node:timers/promises';
import { place, untilOver } from './orders';
import type { ComposeProject } from './project';

const ROUNDS = 5;
const ORDERS = 400;
const CLIENTS = 16;

/** Orders per second with tracing and without, by turns in one run, so that whatever else the machine does meets both alike. */
export async function costOfTracing(project: ComposeProject, services: readonly string[]): Promise<void> {
  const rates: Record<'on' | 'off', number[]> = { on: [], off: [] };
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const tracing of round % 2 ? (['on', 'off'] as const) : (['off', 'on'] as const)) {
      await project.up(services, tracing === 'off' ? { OTLP_TRACES_URL: '' } : {});
      await orders(50); // Warms up what has just been started.
      await sleep(1_000);
      const startedAt = performance.now();
      await orders(ORDERS);
      const rate = ORDERS / ((performance.now() - startedAt) / 1000);
      rates[tracing].push(rate);
      process.stdout.write(`round ${round}, tracing ${tracing}: ${rate.toFixed(1)} orders a second\n`);
    }
  }
  const [on, off] = [median(rates.on), median(rates.off)];
  process.stdout.write(`median with ${on.toFixed(1)}, without ${off.toFixed(1)} orders a second: ratio ${(on / off).toFixed(2)}\n`);
}

async function orders(count: number): Promise<void> {
  let left = count;
  const client = async () => {
    while (left-- > 0) await untilOver(await place('happy'), 'happy');
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
