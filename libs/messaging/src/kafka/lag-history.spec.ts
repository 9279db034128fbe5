import { LagHistory } from './lag-history';

describe('lag in time, seen from outside (V3)', () => {
  it('is none when everything is done', () => {
    const history = new LagHistory();

    expect(history.note(0, 10n, 10n)).toEqual({ events: 0, ms: 0 });
  });

  it('grows while nothing is done, from the first moment a message was seen', () => {
    const history = new LagHistory();
    history.note(0, 10n, 10n);

    expect(history.note(1_000, 10n, 12n)).toEqual({ events: 2, ms: 0 });
    expect(history.note(5_000, 10n, 15n)).toEqual({ events: 5, ms: 4_000 });
  });

  it('is that of the oldest message that is not done', () => {
    const history = new LagHistory();
    history.note(1_000, 10n, 12n);
    history.note(2_000, 10n, 15n);

    expect(history.note(6_000, 12n, 15n)).toEqual({ events: 3, ms: 4_000 });
    expect(history.note(7_000, 15n, 15n)).toEqual({ events: 0, ms: 0 });
    expect(history.note(9_000, 15n, 16n)).toEqual({ events: 1, ms: 0 });
  });

  it('grows again when a position is set back', () => {
    const history = new LagHistory();
    history.note(1_000, 10n, 10n);

    expect(history.note(2_000, 0n, 10n)).toEqual({ events: 10, ms: 0 });
    expect(history.note(4_000, 0n, 10n)).toEqual({ events: 10, ms: 2_000 });
  });

  it('keeps the oldest moment however long it lasts', () => {
    const history = new LagHistory();
    for (let second = 0; second < 5_000; second += 1) history.note(second * 1_000, 0n, BigInt(second + 1));

    expect(history.note(5_000_000, 0n, 6_000n).ms).toBe(5_000_000);
  });
});
