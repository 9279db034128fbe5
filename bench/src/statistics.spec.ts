import { percentiles, quantile, spreadOf } from './statistics';

describe('what is said of several runs', () => {
  it('is their middle, and how far they spread', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
  });

  it('is nothing where there are none', () => {
    expect(() => spreadOf([])).toThrow('no numbers');
  });

  it('reads quantiles between neighbours', () => {
    expect(quantile([0, 10], 0.25)).toBe(2.5);
    expect(percentiles(Array.from({ length: 101 }, (_, i) => 100 - i))).toEqual({ p50Ms: 50, p95Ms: 95, p99Ms: 99 });
  });
});
