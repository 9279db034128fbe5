import { SERVICES, type ServiceName } from '@past-tense/local';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Chaos, Outcome, Scenario } from '../scenario';

/** kill -9 of every service, again and again, while orders flow. */
export const killedServices: Scenario = {
  name: 'killed-services',
  what: 'kill -9 of each service, each on its own, while orders flow',
  async run({ system, scale, random, load, progress }: Chaos): Promise<Outcome> {
    const faults: Record<string, number> = {};
    let killing = SERVICES.length;
    const kill = async (service: ServiceName, own = random.fork()) => {
      for (let i = 0; i < scale.kills; i += 1) {
        await sleep(own.between(100, 2_000));
        await system.stack.service(service)!.kill();
        faults[`kill -9 ${service}`] = i + 1;
        await system.stack.startService(service);
        progress(Object.values(faults).reduce((sum, count) => sum + count, 0) / (scale.kills * SERVICES.length));
      }
      killing -= 1;
    };
    await Promise.all([load.run({ orders: scale.orders, while: () => killing > 0 }), ...SERVICES.map((service) => kill(service))]);
    return { faults };
  },
};

/** kill -9 of the broker and of PostgreSQL, in turns, while orders flow. */
export const killedInfrastructure: Scenario = {
  name: 'killed-infrastructure',
  what: 'kill -9 of the Kafka broker and of PostgreSQL while orders flow',
  async run({ system, scale, random, load, progress }: Chaos): Promise<Outcome> {
    const faults = { 'kill -9 Kafka': 0, 'kill -9 PostgreSQL': 0 };
    const { kafka, postgres } = system.stack;
    let killing = true;
    const kill = async () => {
      for (let i = 0; i < scale.infrastructureKills; i += 1) {
        for (const [name, part] of [
          ['kill -9 Kafka', kafka],
          ['kill -9 PostgreSQL', postgres],
        ] as const) {
          await sleep(random.between(1_000, 4_000));
          await part.kill();
          faults[name] += 1;
          await sleep(random.between(0, 1_500));
          await part.start();
          await restartEnded(system);
        }
        progress((i + 1) / scale.infrastructureKills);
      }
      killing = false;
    };
    await Promise.all([load.run({ orders: Math.ceil(scale.orders / 4), while: () => killing }), kill()]);
    await restartEnded(system);
    return { faults };
  },
};

/** A supervisor's work: a service that gave up is started again. */
export async function restartEnded(system: Chaos['system']): Promise<number> {
  const ended = SERVICES.filter((service) => !system.stack.service(service)!.running);
  await Promise.all(ended.map((service) => system.stack.startService(service)));
  return ended.length;
}
