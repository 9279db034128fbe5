import type { Comparison, Contender } from '../comparison';
import { consume } from '../consuming';
import type { Sealing } from '../personal';
import type { AppendOptions } from '../programs/append';
import { runProgram } from '../start-program';

const ORDERS = 10_000;

const placing = (name: string, what: string, sealing: Sealing): Contender => ({
  name,
  what,
  run: (parts) =>
    parts.withDatabase((url) => {
      const options: AppendOptions = { url, transactions: ORDERS, append: true, sealing };
      return runProgram('append', options);
    }),
});
const reading = (name: string, what: string, event: 'placed plain' | 'placed sealed'): Contender => ({
  name,
  what,
  run: (parts) => consume(parts, { events: ORDERS, event }),
});

export const personalData: Comparison = {
  name: 'personal-data',
  title: 'Personal data, sealed beside plain',
  work: `${ORDERS.toLocaleString('en')} orders with five personal texts: placed, ten side by side, each with its fact in one transaction; and read from Kafka by a consumer that is warm and waits, each with its effect in the database. Keys stay in memory for five seconds, as in production.`,
  units: {
    perSecond: 'orders/s',
    cpuMsPerThousand: 'CPU of the process, ms per 1,000',
    machineMsPerThousand: 'CPU of everything, ms per 1,000',
    peakMegabytes: 'peak memory, MB',
  },
  contenders: [
    placing('placed plain', 'nothing is sealed: the limit', 'plain'),
    placing('placed sealed', 'by 200 customers whose keys are there', 'known customers'),
    placing('placed sealed, new', 'each by a customer who has no keys yet: two are made', 'new customers'),
    reading('read plain', 'what was written before anything was sealed, by a consumer without keys: the limit', 'placed plain'),
    reading('read sealed', 'orders of 200 customers, four texts of each opened', 'placed sealed'),
  ],
  goals: [
    { of: 'placed sealed', beside: 'placed plain', value: 'perSecond' },
    { of: 'placed sealed', beside: 'placed plain', value: 'cpuMsPerThousand' },
    { of: 'placed sealed, new', beside: 'placed plain', value: 'perSecond' },
    { of: 'placed sealed, new', beside: 'placed plain', value: 'cpuMsPerThousand' },
    { of: 'read sealed', beside: 'read plain', value: 'perSecond' },
    { of: 'read sealed', beside: 'read plain', value: 'cpuMsPerThousand' },
  ],
};
