import { Slots } from './slots';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function work(log: string[], name: string): { run: () => Promise<void>; end: () => void } {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  return {
    run: async () => {
      log.push(`+${name}`);
      await ended;
      log.push(`-${name}`);
    },
    end,
  };
}

describe('slots', () => {
  it('bound how much runs at once, first come first served', async () => {
    const slots = new Slots(2);
    const log: string[] = [];
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => work(log, name));
    const all = [a!, b!, c!, d!].map(({ run }) => slots.run(run));
    await turn();
    expect(log).toEqual(['+a', '+b']);
    b!.end();
    await turn();
    expect(log).toEqual(['+a', '+b', '-b', '+c']);
    for (const { end } of [a!, c!, d!]) end();
    await Promise.all(all);
    expect(log.filter((entry) => entry.startsWith('-'))).toHaveLength(4);
  });

  it('let work run alone when it must, without starving it', async () => {
    const slots = new Slots(3);
    const log: string[] = [];
    const [a, alone, b] = ['a', 'alone', 'b'].map((name) => work(log, name));
    const all = [slots.run(a!.run), slots.runAlone(alone!.run), slots.run(b!.run)];
    await turn();
    expect(log).toEqual(['+a']);
    a!.end();
    await turn();
    expect(log).toEqual(['+a', '-a', '+alone']);
    alone!.end();
    await turn();
    expect(log).toEqual(['+a', '-a', '+alone', '-alone', '+b']);
    b!.end();
    await Promise.all(all);
  });

  it('are given back when the work fails', async () => {
    const slots = new Slots(1);
    await expect(slots.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(slots.run(async () => 'yes')).resolves.toBe('yes');
  });

  it('let in only some of a backlog, in the order of coming, and all of them in the end', async () => {
    const slots = new Slots(1);
    const done: number[] = [];
    let inside = 0;
    let mostInside = 0;
    const all = Array.from({ length: 1_000 }, async (_, i) => {
      await slots.room();
      mostInside = Math.max(mostInside, ++inside);
      await slots.run(async () => {
        done.push(i);
        await turn();
      });
      inside -= 1;
    });
    await Promise.all(all);

    expect(done).toEqual([...done.keys()]);
    expect(done).toHaveLength(1_000);
    expect(mostInside).toBeLessThanOrEqual(130);
  });

  it('let in others when those that were let in before wait for something else', async () => {
    const slots = new Slots(1);
    const held = work([], 'held');
    const running = slots.run(held.run);
    const waiting = Array.from({ length: 128 }, () => slots.run(async () => undefined));
    let entered = 0;
    const elsewhere = new Promise<void>(() => undefined);
    for (let i = 0; i < 500; i += 1)
      void slots.room().then(async () => {
        entered += 1;
        await elsewhere;
      });
    await turn();
    expect(entered).toBe(0);

    held.end();
    await Promise.all([running, ...waiting]);
    for (let i = 0; i < 10; i += 1) await turn();
    expect(entered).toBe(500);
  });
});
