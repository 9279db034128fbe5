import { fact, OrderCompleted } from '@past-tense/contracts';
import { newId } from '@past-tense/envelope';
import { KafkaProducer } from '@past-tense/messaging';
import { aRecord, eventually } from '@past-tense/testing';
import { execFileSync } from 'node:child_process';
import { Violation } from '../invariants';
import type { Chaos, Outcome, Scenario } from '../scenario';

const BATCH = 500;

/** A consumer that comes back to a long backlog works it off in the memory it has always had. */
export const backlog: Scenario = {
  name: 'backlog',
  what: 'a consumer was away and comes back to a long backlog: memory while it catches up',
  async run({ system, scale, progress }: Chaos): Promise<Outcome> {
    const { stack } = system;
    await stack.service('tracking')!.stop(10_000);
    const producer = new KafkaProducer(system.kafka);
    for (let sent = 0; sent < scale.backlog; sent += BATCH) {
      await producer.publish(Array.from({ length: BATCH }, () => aRecord(fact(OrderCompleted, { orderId: newId() }))));
      progress((0.3 * sent) / scale.backlog);
    }
    await producer.disconnect();
    const tracking = await stack.startService('tracking');
    const rss = () => Number(execFileSync('ps', ['-o', 'rss=', '-p', String(tracking.pid)], { encoding: 'utf8' })) / 1024;
    const samples = [rss()];
    const startedAt = performance.now();
    await eventually(async () => {
      samples.push(rss());
      const lag = await system.lag();
      progress(1 - (0.7 * lag) / scale.backlog);
      if (lag > 0) throw new Violation([`the lag is ${lag}`]);
    }, 900_000);
    const seconds = (performance.now() - startedAt) / 1000;
    const half = Math.floor(samples.length / 2);
    const peak = (some: readonly number[]) => Math.round(Math.max(...some));
    return {
      faults: { 'events in the backlog': scale.backlog },
      figures: {
        'MB when it started': Math.round(samples[0]!),
        'peak MB in the first half': peak(samples.slice(0, half + 1)),
        'peak MB in the second half': peak(samples.slice(half)),
        'events per second': Math.round(scale.backlog / seconds),
      },
    };
  },
};
