import type { ServiceName } from '@past-tense/local';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Chaos, Outcome, Scenario } from '../scenario';

const PRELOAD = require.resolve('@past-tense/testing/crash-points');
const POINTS = ['after-commit', 'after-send', 'before-mark', 'after-effects'] as const;
type Point = (typeof POINTS)[number];
/** Where each service can be killed; tracking publishes nothing. */
const REACHES: Partial<Record<ServiceName, readonly Point[]>> = {
  orders: POINTS,
  payments: POINTS,
  shipping: POINTS,
  tracking: ['after-commit', 'after-effects'],
};
const HIT_TIMEOUT_MS = 20_000;

/** Every service is killed at the points where something is done and the next thing is not. */
export const crashPoints: Scenario = {
  name: 'crash-points',
  what: 'killed at each named point: after a commit, after a send, before the mark, after effects and before the offset',
  async run({ system, scale, random, load, progress }: Chaos): Promise<Outcome> {
    const log = join(system.stack.logFile('crash-points'));
    rmSync(log, { force: true });
    const hits = () => {
      const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n') : [];
      return Object.fromEntries(POINTS.map((point) => [point, lines.filter((line) => line === point).length])) as Record<Point, number>;
    };
    const wanted = scale.crashHits;
    let crashing = true;
    const crash = async (service: ServiceName, points: readonly Point[], own = random.fork()) => {
      for (;;) {
        const [point] = points.filter((one) => hits()[one] < wanted).sort((a, b) => hits()[a] - hits()[b]);
        if (point === undefined) return;
        await system.stack.service(service)!.kill();
        const env = {
          NODE_OPTIONS: `--require ${PRELOAD}`,
          PAST_TENSE_CRASH_AT: `${point}:${own.between(1, 12)}`,
          PAST_TENSE_CRASH_LOG: log,
        };
        await system.stack.startService(service, env).catch(() => undefined); // It may be killed before it is ready.
        await Promise.race([system.stack.service(service)!.exited, sleep(HIT_TIMEOUT_MS, undefined, { ref: false })]);
        progress(Math.min(...Object.values(hits())) / wanted);
      }
    };
    const crashes = Promise.all(
      Object.entries(REACHES).map(async ([service, points]) => {
        await crash(service as ServiceName, points);
        await system.stack.service(service as ServiceName)!.kill();
        await system.stack.startService(service as ServiceName);
      }),
    ).then(() => (crashing = false));
    await Promise.all([load.run({ orders: Math.ceil(scale.orders / 8), while: () => crashing }), crashes]);
    return { faults: hits() };
  },
};
