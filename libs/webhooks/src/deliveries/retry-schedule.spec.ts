import { delayAfter } from './retry-schedule';

describe('the delay after a failed attempt', () => {
  const delays = [1_000, 60_000];

  it('is the next one of the list, ten per cent more or less', () => {
    expect(delayAfter(delays, 1, 0, () => 0)).toBe(900);
    expect(delayAfter(delays, 1, 0, () => 0.5)).toBe(1_000);
    expect(delayAfter(delays, 2, 0, () => 1)).toBe(66_000);
  });

  it('ends with the list', () => {
    expect(delayAfter(delays, 3)).toBeUndefined();
    expect(delayAfter(delays, 3, 5_000)).toBeUndefined();
  });

  it('is made longer, never shorter, by what the receiver asks for', () => {
    expect(delayAfter(delays, 1, 5_000)).toBe(5_000);
    expect(delayAfter(delays, 2, 5_000, () => 0.5)).toBe(60_000);
  });
});
