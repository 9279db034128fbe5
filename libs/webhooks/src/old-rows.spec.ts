import { eventually } from '@past-tense/testing';
import { logger } from '../test/running-service';
import { OldRows } from './old-rows';

/** Old rows of which as many can be deleted at once as one batch has, and whose deletion ends when it is told to. */
class Rows {
  readonly batches: (() => void)[] = [];
  constructor(public left: number) {}

  delete = async (most: number): Promise<number> => {
    await new Promise<void>((resolve) => this.batches.push(resolve));
    const deleted = Math.min(most, this.left);
    this.left -= deleted;
    return deleted;
  };
}

describe('old rows', () => {
  it('are deleted in batches, one after the other, until none is left', async () => {
    const rows = new Rows(2_500);
    const old = new OldRows('old rows', rows.delete, logger);
    old.start();
    old.start();

    for (const batch of [1, 2, 3]) {
      await eventually(() => expect(rows.batches).toHaveLength(batch));
      rows.batches[batch - 1]!();
    }

    await eventually(() => expect(rows.left).toBe(0));
    await old.stop();
    expect(rows.batches).toHaveLength(3);
  });

  it('are left where they are when it is stopped, after the batch that was begun', async () => {
    const rows = new Rows(2_500);
    const old = new OldRows('old rows', rows.delete, logger);
    old.start();
    await eventually(() => expect(rows.batches).toHaveLength(1));
    const happened: string[] = [];

    const stopped = old.stop().then(() => happened.push('stopped'));
    await new Promise(setImmediate);
    happened.push('could go on');
    rows.batches[0]!();
    await stopped;

    expect(happened).toEqual(['could go on', 'stopped']);
    expect([rows.left, rows.batches.length]).toEqual([1_500, 1]);
  });

  it('that cannot be deleted now end nothing', async () => {
    let asked = 0;
    const old = new OldRows(
      'old rows',
      async () => {
        asked += 1;
        throw new Error('the database is away');
      },
      logger,
    );
    old.start();
    await eventually(() => expect(asked).toBe(1));

    await expect(old.stop()).resolves.toBeUndefined();
  });
});
