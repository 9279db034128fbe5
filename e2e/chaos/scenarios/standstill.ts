import { setTimeout as sleep } from 'node:timers/promises';
import { CONSUMERS } from '../../system';
import type { Chaos, Outcome, Scenario } from '../scenario';
import { restartEnded } from './killed-processes';

/** A process that stands still is worse than a dead one: it keeps its connections, its locks, and wakes up in another world. */
export const standstill: Scenario = {
  name: 'standstill',
  what: 'SIGSTOP of each consumer for longer than its session lasts, while orders flow',
  async run({ system, scale, load, progress }: Chaos): Promise<Outcome> {
    const faults: Record<string, number> = {};
    let gaveUp = 0;
    let standing = true;
    const stand = async () => {
      for (const [i, pair] of [CONSUMERS.slice(0, 2), CONSUMERS.slice(2)].entries()) {
        for (const service of pair) system.stack.service(service)!.signal('SIGSTOP');
        await sleep(scale.standstillMs);
        for (const service of pair) {
          system.stack.service(service)!.signal('SIGCONT');
          faults[`SIGSTOP ${service}`] = 1;
        }
        await sleep(3_000);
        gaveUp += await restartEnded(system);
        progress((i + 1) / 2);
      }
      standing = false;
    };
    await Promise.all([load.run({ orders: Math.ceil(scale.orders / 8), pauseMs: 200, while: () => standing }), stand()]);
    gaveUp += await restartEnded(system);
    return { faults, figures: { processesThatEndedThemselves: gaveUp } };
  },
};
