import { Outages } from './outages';

describe('outages', () => {
  const stopping = new AbortController();
  const changes: [string, boolean][] = [];
  let outages: Outages;
  beforeEach(() => {
    jest.useFakeTimers();
    changes.splice(0);
    outages = new Outages(stopping.signal, (kind, away) => void changes.push([kind, away]));
  });
  afterEach(() => jest.useRealTimers());

  /** Lets an event ask for its turn; tells what it was told, once it was. */
  function ask(kind: string): { told?: boolean } {
    const event: { told?: boolean } = {};
    void outages.turn(kind).then((probe) => (event.told = probe));
    return event;
  }

  it('lets everything through while nothing is away', async () => {
    expect(await outages.turn('a')).toBe(false);
  });

  it('lets one event of a kind probe at a time, each in its turn, with growing pauses; other kinds flow on', async () => {
    outages.met('a', false);
    const [first, second, third] = [ask('a'), ask('a'), ask('a')];
    expect(await outages.turn('b')).toBe(false);

    await jest.advanceTimersByTimeAsync(99);
    expect(first.told).toBeUndefined();
    await jest.advanceTimersByTimeAsync(60_000);
    expect([first.told, second.told, third.told]).toEqual([true, undefined, undefined]);

    outages.met('a', true);
    await jest.advanceTimersByTimeAsync(199);
    expect(second.told).toBeUndefined();
    await jest.advanceTimersByTimeAsync(60_000);
    expect([second.told, third.told]).toEqual([true, undefined]);

    outages.over('a');
    await jest.advanceTimersByTimeAsync(0);
    expect(third.told).toBe(false);
    expect(outages.ended('a')).toBe(1);
    expect(changes).toEqual([
      ['a', true],
      ['a', false],
    ]);
  });

  it('does not let a second event probe that comes while the first one does', async () => {
    outages.met('a', false);
    const first = ask('a');
    await jest.advanceTimersByTimeAsync(1_000);
    expect(first.told).toBe(true);

    const second = ask('a');
    await jest.advanceTimersByTimeAsync(60_000);
    expect(second.told).toBeUndefined();
  });

  it('keeps nobody when the consumer stops', async () => {
    outages.met('a', false);
    const event = ask('a');
    stopping.abort();
    await jest.advanceTimersByTimeAsync(0);
    expect(event.told).toBe(false);
    expect(await outages.turn('a')).toBe(false);
  });
});
