import { measuredTogether, type Comparison, type Sample } from './comparison';
import type { Parts } from './parts';
import { plotOf } from './plot';
import { resultOf, type Results } from './results';
import { textOf } from './text';

const run = async (): Promise<Sample> => ({ values: {} });
const comparison: Comparison = {
  name: 'relay',
  title: 'Relay',
  work: 'Some rows.',
  units: { perSecond: 'events/s', peakMegabytes: 'MB' },
  contenders: [
    { name: 'ours', what: 'the relay', run },
    { name: 'raw', what: 'the client & nothing <else>', run },
  ],
  goals: [
    { of: 'ours', beside: 'raw', value: 'perSecond', atLeast: 0.95 },
    { of: 'ours', beside: 'raw', value: 'peakMegabytes', atMost: 1 },
    { of: 'ours', value: 'peakMegabytes', atMost: 12 },
  ],
};
const of = (...perSecond: number[]) => perSecond.map((value) => ({ values: { perSecond: value, peakMegabytes: value / 100 } }));
const result = resultOf(
  comparison,
  new Map([
    ['ours', of(900, 1_100, 2_400)],
    ['raw', of(1_000, 1_000, 2_000)],
  ]),
);

describe('the result of a comparison', () => {
  it('compares within each round, because what slows a round slows both', () => {
    expect(result.goals.map(({ ratio, met }) => ({ ...ratio, met }))).toEqual([
      { median: 1.1, min: 0.9, max: 1.2, met: true },
      { median: 1.1, min: 0.9, max: 1.2, met: false },
      { median: 11, min: 9, max: 24, met: true },
    ]);
  });

  it('is the middle of the rounds and their spread', () => {
    expect(result.contenders[0]!.values['perSecond']).toEqual({ median: 1_100, min: 900, max: 2_400 });
  });

  it('can be read as text, and drawn', () => {
    const results: Results = {
      machine: { processor: 'X', cores: 2, memoryGigabytes: 24, system: 'linux', node: '24' },
      startedAt: '2026-11-21T00:00:00.000Z',
      seconds: 60,
      comparisons: [result],
    };

    expect(textOf(results)).toContain('| **ours**: the relay | 1,100 (900–2,400) | 11 (9–24) |');
    expect(textOf(results)).toContain('| ours / raw, events/s | ≥ 0.95 | 1.10 (0.90–1.20) | met |');
    expect(textOf(results)).toContain('| ours, MB | ≤ 12 | 11.00 (9.00–24.00) | met |');
    expect(plotOf(results)).toContain('Relay (events/s)');
    expect(plotOf(results)).not.toContain('<else>');
  });
});

describe('what one measurement tells of several', () => {
  it('is measured once in each round', async () => {
    const measured: number[] = [];
    const [one, two, three] = measuredTogether({ one: 'the one', two: 'the other', three: 'forgotten' }, async (_, round) => {
      measured.push(round);
      return { one: { values: { ms: round } }, two: { values: { ms: round + 10 } } };
    });
    const parts = {} as Parts;

    expect(await one!.run(parts, 0)).toEqual({ values: { ms: 0 } });
    expect(await two!.run(parts, 0)).toEqual({ values: { ms: 10 } });
    expect(await two!.run(parts, 1)).toEqual({ values: { ms: 11 } });
    expect(await one!.run(parts, 1)).toEqual({ values: { ms: 1 } });
    expect(measured).toEqual([0, 1]);
    await expect(three!.run(parts, 1)).rejects.toThrow('Nothing was measured of "three".');
  });
});
