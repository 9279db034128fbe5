import { consume } from '../consuming';
import type { Comparison } from '../comparison';

const BACKLOG = 200_000;
const STEADY = 20_000;

export const backlog: Comparison = {
  name: 'backlog',
  title: 'A backlog',
  work: `One consumer drains ${BACKLOG.toLocaleString('en')} events that are there all at once. Memory is the most that was in use, looked at every 20 ms.`,
  units: {
    perSecond: 'events/s',
    cpuMsPerThousand: 'CPU of the process, ms per 1,000',
    machineMsPerThousand: 'CPU of everything, ms per 1,000',
    firstHalfMegabytes: 'memory in the first half, MB',
    secondHalfMegabytes: 'memory in the second half, MB',
    memoryGrowth: 'memory of the second half / the first',
  },
  contenders: [
    {
      name: 'backlog',
      what: `${BACKLOG.toLocaleString('en')} events`,
      run: (parts) => consume(parts, { events: BACKLOG, options: { watchMemory: true } }),
    },
    {
      name: 'steady',
      what: `${STEADY.toLocaleString('en')} events`,
      run: (parts) => consume(parts, { events: STEADY, options: { watchMemory: true } }),
    },
  ],
  goals: [
    { of: 'backlog', beside: 'steady', value: 'perSecond', atLeast: 1 },
    { of: 'backlog', value: 'memoryGrowth', atMost: 1.1 },
  ],
  rounds: 1,
};
