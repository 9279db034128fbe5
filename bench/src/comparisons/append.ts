import type { Comparison, Sample } from '../comparison';
import type { Parts } from '../parts';
import type { AppendOptions } from '../programs/append';
import { runProgram } from '../start-program';

const TRANSACTIONS = 10_000;
const TOPIC = 'order-placed';

const place = (parts: Parts, append: boolean, broker?: string): Promise<Sample> =>
  parts.withDatabase((url) => {
    const options: AppendOptions = { url, transactions: TRANSACTIONS, append, ...(broker !== undefined && { broker }) };
    return runProgram('append', options);
  });

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
      what: 'and before COMMIT outbox.append of OrderPlaced, validated and encoded; nobody publishes it meanwhile',
      run: (parts) => place(parts, true),
    },
    { name: 'without', what: 'the same without: the limit', run: (parts) => place(parts, false) },
    {
      name: 'with relay',
      what: 'with outbox, and the relay of the same process publishes meanwhile',
      run: (parts) => parts.withTopics([TOPIC], () => place(parts, true, parts.kafka.broker)),
    },
  ],
  goals: [
    { of: 'with outbox', beside: 'without', value: 'perSecond', atLeast: 0.85 },
    { of: 'with relay', beside: 'without', value: 'perSecond' },
  ],
};
