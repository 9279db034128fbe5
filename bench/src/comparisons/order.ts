import type { Comparison } from '../comparison';
import { publishTogether } from '../publishing';

const work = { rows: 50_000, aggregates: 500 };

export const order: Comparison = {
  name: 'order',
  title: 'Order with several relays',
  work: `${work.rows.toLocaleString('en')} rows of ${work.aggregates} aggregates, one of each after the other, published by several relays that share one outbox; then the topic is read back. Out of order is an event that comes after a later one of its aggregate.`,
  units: { outOfOrder: 'events out of order', perSecond: 'events/s' },
  contenders: [
    {
      name: 'three relays',
      what: 'of ours: each has shards of the aggregates',
      run: (parts) => publishTogether(parts, { program: 'shared-relay', instances: 3, ...work }),
    },
    {
      name: 'two SKIP LOCKED',
      what: 'plain batch relays: each takes the next 500 rows that nobody else has',
      run: (parts) => publishTogether(parts, { program: 'shared-skip-locked-relay', instances: 2, ...work }),
    },
  ],
  goals: [{ of: 'three relays', value: 'outOfOrder', atMost: 0 }],
  rounds: 3,
};
