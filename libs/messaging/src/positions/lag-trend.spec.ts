import { LagTrend } from './lag-trend';

describe('the trend of a lag', () => {
  it('tells when it will be gone, by how fast it shrank', () => {
    const trend = new LagTrend();
    expect(trend.note(0, 1_000)).toBeUndefined();
    expect(trend.note(1_000, 900)).toBe(9);
    expect(trend.note(2_000, 700)).toBeCloseTo(4.67, 2);
    expect(trend.note(3_000, 0)).toBe(0);
  });

  it('tells nothing while it does not shrink', () => {
    const trend = new LagTrend();
    trend.note(0, 10);
    expect(trend.note(1_000, 10)).toBeUndefined();
    expect(trend.note(2_000, 30)).toBeUndefined();
  });

  it('begins anew where it jumps up, as it does when a position is set back', () => {
    const trend = new LagTrend();
    trend.note(0, 100);
    trend.note(1_000, 10);
    expect(trend.note(2_000, 5_000)).toBeUndefined();
    expect(trend.note(3_000, 4_000)).toBe(4);
  });

  it('is slower the longer nothing happens, and forgets after a minute', () => {
    const trend = new LagTrend();
    trend.note(0, 100);
    expect(trend.note(10_000, 50)).toBe(10);
    expect(trend.note(20_000, 50)).toBe(20);
    expect(trend.note(60_001, 50)).toBeUndefined();
  });

  it('counts from the peak however often it is looked at', () => {
    const trend = new LagTrend();
    for (let ms = 0; ms < 1_000; ms += 1) trend.note(ms, 2_000 - ms);
    expect(trend.note(1_000, 1_000)).toBe(1);
  });
});
