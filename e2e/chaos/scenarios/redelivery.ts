import { KafkaProducer } from '@past-tense/messaging';
import type { KafkaRecord } from '@past-tense/outbox';
import { eventually } from '@past-tense/testing';
import { checkInvariants, Violation } from '../invariants';
import type { Chaos, Outcome, Scenario } from '../scenario';

/** At least once means: as often as Kafka likes, in any order between topics. */
export const redelivery: Scenario = {
  name: 'redelivery',
  what: 'every event on every topic delivered three times more, shuffled',
  async run({ system, scale, random, load, progress }: Chaos): Promise<Outcome> {
    await load.run({ orders: Math.ceil(scale.orders / 8), pauseMs: 50 });
    await checkInvariants(system, load.wanted);
    const before = { state: await system.state(), books: await system.books() };
    const events = await system.events();
    const again = random.shuffle([...events, ...events, ...events]);
    const producer = new KafkaProducer(system.kafka);
    for (let i = 0; i < again.length; i += 200) {
      await producer.publish(
        again.slice(i, i + 200).map((event): KafkaRecord => ({ ...event, headers: event.headers as KafkaRecord['headers'] })),
      );
      progress(i / again.length);
    }
    await producer.disconnect();
    await eventually(async () => {
      if ((await system.lag()) > 0) throw new Error('not at rest');
    }, 240_000);
    const after = { state: await system.state(), books: await system.books() };
    const changed = Object.keys(before.state).filter((table) => JSON.stringify(before.state[table]) !== JSON.stringify(after.state[table]));
    if (changed.length > 0) throw new Violation(changed.map((table) => `the redelivery changed ${table}`));
    if (JSON.stringify(before.books) !== JSON.stringify(after.books)) throw new Violation(['somebody outside was asked again']);
    return { faults: { 'events delivered again': again.length } };
  },
};
