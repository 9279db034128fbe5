import { createLogger } from '@past-tense/telemetry';
import { BackgroundLoop } from './background-loop';

const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** A loop whose rounds do what they are told, one after the other; the last one is repeated. */
function aLoop(...rounds: (number | Error)[]): { loop: BackgroundLoop; count: () => number } {
  let count = 0;
  const round = async () => {
    const does = rounds[Math.min(count, rounds.length - 1)]!;
    count += 1;
    if (does instanceof Error) throw does;
    return does;
  };
  const loop = new BackgroundLoop('Testing', round, logger);
  loop.start();
  return { loop, count: () => count };
}

describe('a background loop', () => {
  it('waits as long as a round says, and goes on at once if it says 0', async () => {
    const { loop, count } = aLoop(0, 0, 1_000);

    await jest.advanceTimersByTimeAsync(999);
    expect(count()).toBe(3);
    await jest.advanceTimersByTimeAsync(1);
    expect(count()).toBe(4);
    await loop.stop();
  });

  it('begins a round when it is woken', async () => {
    const { loop, count } = aLoop(60_000);
    await jest.advanceTimersByTimeAsync(1);
    loop.wake();

    await jest.advanceTimersByTimeAsync(1);
    expect(count()).toBe(2);
    await loop.stop();
  });

  it('tries again after a failure, later each time, and is not hurried', async () => {
    const { loop, count } = aLoop(new Error('one'), new Error('two'), 60_000);
    await jest.advanceTimersByTimeAsync(499);
    loop.wake();
    await jest.advanceTimersByTimeAsync(0);
    expect(count()).toBe(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(count()).toBe(2);
    await jest.advanceTimersByTimeAsync(999);
    expect(count()).toBe(2);
    await jest.advanceTimersByTimeAsync(1);
    expect(count()).toBe(3);
    await loop.stop();
  });

  it('stops while it waits, for the next round or after a failure', async () => {
    for (const does of [60_000, new Error('away')]) {
      const { loop, count } = aLoop(does);
      await jest.advanceTimersByTimeAsync(1);

      await loop.stop();
      await jest.advanceTimersByTimeAsync(120_000);
      expect(count()).toBe(1);
    }
  });

  it('stops only when the current round is done', async () => {
    let finish: (waitMs: number) => void = () => undefined;
    const loop = new BackgroundLoop('Testing', () => new Promise<number>((resolve) => (finish = resolve)), logger);
    loop.start();
    let stopped = false;
    const stopping = loop.stop().then(() => (stopped = true));
    await jest.advanceTimersByTimeAsync(10);

    expect(stopped).toBe(false);
    finish(0);
    await stopping;
    expect(stopped).toBe(true);
  });
});
