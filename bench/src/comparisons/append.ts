import type { Comparison, Sample } from '../comparison';
import type { Parts } from '../parts';
import type { AppendOptions } from '../programs/append';
import { runProgram } from '../start-program';

const TRANSACTIONS = 10_000;
const TOPIC = 'order-placed';

const place = (parts: Parts, options: Omit<AppendOptions, 'url' | 'transactions'>): Promise<Sample> =>
  parts.withDatabase((url) => runProgram('append', { url, transactions: TRANSACTIONS, ...options } satisfies AppendOptions));

export const append: Comparison = {
  name: 'append',
  title: 'Recording a fact in a business transaction',
  work: `${TRANSACTIONS.toLocaleString('en')} transactions, ten side by side: BEGIN, INSERT of an order with its lines as jsonb, INSERT of its job, COMMIT.`,
  units: {
    perSecond: 'transactions/s',
    cpuMsPerThousand: 'CPU of the process, ms per 1,000',
    machineMsPerThousand: 'CPU of everything, ms per 1,000',
    peakMegabytes: 'peak memory, MB',
  },
  contenders: [
    {
      name: 'with outbox',
      what: 'and before COMMIT outbox.append of OrderPlaced, validated and encoded, its personal texts as they are (personal-data says what sealing them costs); nobody publishes it meanwhile',
      run: (parts) => place(parts, { append: true, sealing: 'plain' }),
    },
    { name: 'without', what: 'the same without: the limit', run: (parts) => place(parts, { append: false }) },
    {
      name: 'sealed',
      what: 'with outbox, and its four personal texts are sealed, with keys that are there',
      run: (parts) => place(parts, { append: true, sealing: 'known customers' }),
    },
    {
      name: 'with relay',
      what: 'with outbox, and the relay of the same process publishes meanwhile',
      run: (parts) => parts.withTopics([TOPIC], () => place(parts, { append: true, sealing: 'plain', broker: parts.kafka.broker })),
    },
  ],
  goals: [
    { of: 'with outbox', beside: 'without', value: 'perSecond', atLeast: 0.85 },
    { of: 'sealed', beside: 'without', value: 'perSecond' },
    { of: 'with relay', beside: 'without', value: 'perSecond' },
  ],
};
