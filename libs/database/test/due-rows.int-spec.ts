import { createLogger } from '@past-tense/telemetry';
import { eventually, testDatabase } from '@past-tense/testing';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Database, DueRows } from '../src/index';

class CreateChores1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE chores (id int PRIMARY KEY, due_at timestamptz NOT NULL DEFAULT now(), taken int NOT NULL DEFAULT 0)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE chores');
  }
}

const LEASE = '1 hour';
const take = {
  name: 'chores-take',
  text: `UPDATE chores SET due_at = now() + interval '${LEASE}', taken = taken + 1
         WHERE id IN (SELECT id FROM chores WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING id`,
};
const add = { name: 'chores-add', text: 'INSERT INTO chores (id) SELECT generate_series($1::int, $2::int)' };
const done = { name: 'chores-done', text: 'DELETE FROM chores WHERE id = $1' };
const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });

let database: Database;
const opened: DueRows<{ id: number }>[] = [];
beforeEach(async () => {
  database = new Database({
    url: await testDatabase(),
    applicationName: 'test',
    entities: [],
    migrations: [CreateChores1700000000001],
    logger,
  });
  await database.connect();
  await database.migrate();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((rows) => rows.stop()));
  await database.close();
});

function working(handle: (row: { id: number }) => Promise<void>, concurrency = 5): DueRows<{ id: number }> {
  const rows = new DueRows({ name: 'the chores', database, take, handle, concurrency, pollMs: 50, logger });
  opened.push(rows);
  rows.start();
  return rows;
}

describe('rows that are due', () => {
  it('are each worked on once, however many instances there are, and a backlog does not wait for the next look', async () => {
    await database.query(add, [1, 300]);
    const worked: number[] = [];
    const handle = async ({ id }: { id: number }) => {
      worked.push(id);
      await database.query(done, [id]);
    };
    working(handle);
    working(handle);
    working(handle);

    await eventually(() => expect(worked).toHaveLength(300));
    expect(new Set(worked).size).toBe(300);
  });

  it('are worked on side by side, and never more than allowed', async () => {
    await database.query(add, [1, 20]);
    let now = 0;
    let most = 0;
    const release: (() => void)[] = [];
    working(async ({ id }) => {
      most = Math.max(most, ++now);
      await new Promise<void>((resolve) => release.push(resolve));
      now -= 1;
      await database.query(done, [id]);
    }, 4);

    await eventually(() => expect(release).toHaveLength(4));
    for (let finished = 0; finished < 20; finished++) {
      const next = await eventually(() => {
        expect(release.length).toBeGreaterThan(0);
        return release.shift()!;
      });
      next();
    }
    await eventually(async () => expect(await database.query({ name: 'left', text: 'SELECT 1 FROM chores' })).toEqual([]));
    expect(most).toBe(4);
  });

  it('whose work throws stay as they are, and hold up nobody', async () => {
    await database.query(add, [1, 3]);
    working(async ({ id }) => {
      if (id === 2) throw new Error('no');
      await database.query(done, [id]);
    });

    await eventually(async () =>
      expect(await database.query({ name: 'rest', text: 'SELECT id, taken FROM chores' })).toEqual([{ id: 2, taken: 1 }]),
    );
  });

  it('are finished before it stops, and no more are taken', async () => {
    await database.query(add, [1, 1]);
    let finish!: () => void;
    let finished = false;
    const begun = new Promise<void>((begin) => {
      working(async () => {
        begin();
        await new Promise<void>((resolve) => (finish = resolve));
        finished = true;
      });
    });
    await begun;
    const stopping = opened[0]!.stop();
    await database.query(add, [2, 3]);
    finish();
    await stopping;

    expect(finished).toBe(true);
    expect(await database.query({ name: 'untaken', text: 'SELECT id FROM chores WHERE taken = 0 ORDER BY id' })).toEqual([
      { id: 2 },
      { id: 3 },
    ]);
  });
});
