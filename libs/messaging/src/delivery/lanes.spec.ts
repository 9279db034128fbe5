import { Lanes } from './lanes';

/** A task that ends when it is told to, and what is known about it. */
function controlled(started: string[], name: string): { task: () => Promise<void>; end: () => void } {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  return {
    task: async () => {
      started.push(name);
      await ended;
    },
    end,
  };
}
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('lanes', () => {
  it('run the tasks of one key one after the other, in order', async () => {
    const lanes = new Lanes();
    const started: string[] = [];
    const [a1, a2, a3] = ['a1', 'a2', 'a3'].map((name) => controlled(started, name));
    for (const { task } of [a1!, a2!, a3!]) lanes.add('a', task);
    await turn();
    expect(started).toEqual(['a1']);
    a1!.end();
    await turn();
    expect(started).toEqual(['a1', 'a2']);
    a2!.end();
    a3!.end();
    await lanes.idle();
    expect(started).toEqual(['a1', 'a2', 'a3']);
  });

  it('run other keys meanwhile', async () => {
    const lanes = new Lanes();
    const started: string[] = [];
    const [a, b] = ['a', 'b'].map((name) => controlled(started, name));
    lanes.add('a', a!.task);
    lanes.add('b', b!.task);
    await turn();
    expect(started).toEqual(['a', 'b']);
    a!.end();
    b!.end();
    await lanes.idle();
  });

  it('are idle when nothing was added', async () => {
    await expect(new Lanes().idle()).resolves.toBeUndefined();
  });
});
