import { consume } from '../consuming';
import type { Comparison } from '../comparison';

const EVENTS = 20_000;

const timeline = (reaction: 'timeline' | 'timeline by set') => ({ events: EVENTS, table: 'timeline', options: { reaction } }) as const;

export const projection: Comparison = {
  name: 'projection',
  title: 'A projection by sets',
  work: `The timeline of the service tracking, a table with two more indexes, extended by ${EVENTS.toLocaleString('en')} events that are there all at once. Up to 50 of them share a transaction.`,
  units: {
    perSecond: 'events/s',
    cpuMsPerThousand: 'CPU of the process, ms per 1,000',
    machineMsPerThousand: 'CPU of everything, ms per 1,000',
    peakMegabytes: 'peak memory, MB',
  },
  contenders: [
    {
      name: 'set-based',
      what: 'one INSERT … SELECT unnest for all events of a transaction',
      run: (parts) => consume(parts, timeline('timeline by set')),
    },
    { name: 'group commit', what: 'an INSERT for each event, as tracking writes it', run: (parts) => consume(parts, timeline('timeline')) },
  ],
  goals: [{ of: 'set-based', beside: 'group commit', value: 'perSecond', atLeast: 1.3 }],
};
