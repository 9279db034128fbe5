import { consume } from '../consuming';
import type { Comparison, Contender } from '../comparison';
import { publishTogether } from '../publishing';

const EVENTS = 40_000;
const ROWS = 50_000;
const AGGREGATES = 5_000;

const consumers = (name: string, instances: number): Contender => ({
  name,
  what: `with ${EVENTS.toLocaleString('en')} events`,
  run: (parts) => consume(parts, { instances, events: EVENTS }),
});
const relays = (name: string, instances: number): Contender => ({
  name,
  what: `with ${ROWS.toLocaleString('en')} rows of one outbox`,
  run: (parts) => publishTogether(parts, { program: 'shared-relay', instances, rows: ROWS, aggregates: AGGREGATES }),
});

export const instances: Comparison = {
  name: 'instances',
  title: 'Several instances',
  work: `Consumers of one group and relays of one outbox, each a process of its own, with events of ${AGGREGATES.toLocaleString('en')} aggregates. They have shared out partitions and shards and are warm; then all events are there at once. Everything runs on this machine, so more processes share the same cores.`,
  units: {
    perSecond: 'events/s',
    cpuMsPerThousand: 'CPU of the processes, ms per 1,000',
    peakMegabytes: 'peak memory of all, MB',
  },
  contenders: [
    consumers('three consumers', 3),
    consumers('two consumers', 2),
    consumers('one consumer', 1),
    relays('three relays', 3),
    relays('one relay', 1),
  ],
  goals: [
    { of: 'two consumers', beside: 'one consumer', value: 'perSecond' },
    { of: 'three consumers', beside: 'one consumer', value: 'perSecond', atLeast: 1 },
    { of: 'three relays', beside: 'one relay', value: 'perSecond', atLeast: 1 },
  ],
  rounds: 3,
};
