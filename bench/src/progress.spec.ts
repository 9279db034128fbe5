import { Progress, together } from './progress';

const sample = (firstMs: number | undefined, lastMs: number | undefined, peakMegabytes: number) => ({
  values: {
    ...(firstMs !== undefined && lastMs !== undefined && { firstMs, lastMs }),
    seconds: 9,
    cpuSeconds: 1,
    cpuMsPerThousand: 100,
    machineMsPerThousand: peakMegabytes,
    peakMegabytes,
  },
});

describe('programs that share one work', () => {
  it('take from the first effect of any to the last one of any, and use what all of them use', () => {
    expect(together([sample(10_000, 11_000, 80), sample(10_500, 12_000, 90), sample(undefined, undefined, 70)], 4_000).values).toEqual({
      seconds: 2,
      perSecond: 2_000,
      cpuSeconds: 3,
      cpuMsPerThousand: 300,
      machineMsPerThousand: 90,
      peakMegabytes: 240,
    });
  });

  it('say nothing of a span when they have done nothing', () => {
    const progress = new Progress();
    progress.started();
    progress.committed(3);
    expect(progress.work(10).values).toEqual({ firstMs: expect.any(Number) as number, lastMs: expect.any(Number) as number });

    progress.begin();

    expect(progress.done).toBe(0);
    expect(progress.work(10)).toEqual({ events: 10, values: {} });
  });
});
