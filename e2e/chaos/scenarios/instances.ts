import { setTimeout as sleep } from 'node:timers/promises';
import { CONSUMERS } from '../../system';
import type { Chaos, Outcome, Scenario } from '../scenario';

/** One instance of every consumer becomes three and one again, and the first is redeployed, while orders flow. */
export const instances: Scenario = {
  name: 'instances',
  what: 'each consumer scaled from one instance to three and back, and redeployed, while orders flow',
  async run({ system, scale, random, load, progress }: Chaos): Promise<Outcome> {
    const faults = { 'instances added': 0, 'instances stopped': 0, 'instances killed': 0, redeployments: 0 };
    const startedAt = new Date();
    let scaling = true;
    const { stack } = system;
    const consumers = random.shuffle(CONSUMERS).slice(0, scale.scaledConsumers);
    const go = async () => {
      const added = [];
      for (let round = 0; round < 2; round += 1) {
        for (const consumer of consumers) {
          added.push(await stack.addInstance(consumer));
          faults['instances added'] += 1;
        }
        progress((round + 1) / 4);
      }
      await sleep(3_000);
      for (const consumer of consumers) {
        await stack.service(consumer)!.stop(10_000);
        await stack.startService(consumer);
        faults.redeployments += 1;
      }
      progress(0.75);
      for (const [i, instance] of added.entries()) {
        if (i % 2 === 0) {
          await instance.stop(10_000);
          faults['instances stopped'] += 1;
        } else {
          await instance.kill();
          faults['instances killed'] += 1;
        }
        await sleep(500);
      }
      scaling = false;
    };
    await Promise.all([load.run({ orders: Math.ceil(scale.orders / 8), pauseMs: 400, while: () => scaling }), go()]);
    const [row] = await system.query<{ seconds: number }>(
      'orders',
      `SELECT coalesce(max(extract(epoch FROM ended_at - before)), 0)::float8 AS seconds
       FROM (SELECT ended_at, lag(ended_at) OVER (ORDER BY ended_at) AS before FROM orders WHERE placed_at BETWEEN $1 AND $2) AS ends`,
      [startedAt, new Date()],
    );
    return { faults, figures: { 'longest s in which no order ended': Math.round(row!.seconds * 10) / 10 } };
  },
};
