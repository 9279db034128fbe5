import { createLogger } from '@past-tense/telemetry';
import { testDatabase } from '@past-tense/testing';
import type { Duplex } from 'node:stream';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Database, isConflict, isDatabaseUnavailable, type Transaction } from '../src/index';

class CreateThings1700000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE things (name text PRIMARY KEY)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE things');
  }
}

const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });
const add = { name: 'add-thing', text: 'INSERT INTO things (name) VALUES ($1)' };
const all = { name: 'all-things', text: 'SELECT name FROM things ORDER BY name' };

let url: string;
let database: Database;
const open = () => new Database({ url, applicationName: 'test', entities: [], migrations: [CreateThings1700000000000], logger });

beforeAll(async () => {
  url = await testDatabase();
  database = open();
  await database.connect();
});
afterAll(() => database.close());
const countSent = { name: 'count-things', text: `SELECT count(*) AS n FROM things WHERE name LIKE 'many%'` };
const tidy = () => database.query({ name: 'tidy', text: `DELETE FROM things WHERE name <> 'kept'` });
const names = async () => (await database.query<{ name: string }>(all)).map((row) => row.name);

describe('migrations', () => {
  it('run once, also when several instances start together', async () => {
    const others = [open(), open(), open()];
    await Promise.all(others.map((other) => other.connect()));

    await Promise.all([database, ...others].map((instance) => instance.migrate()));

    expect(await names()).toEqual([]);
    await Promise.all(others.map((other) => other.close()));
  });
});

describe('a schema', () => {
  it('has everything to itself: tables, migrations, statements', async () => {
    await database.query({ name: 'make-schema', text: 'CREATE SCHEMA beside' });
    const beside = new Database({
      url,
      applicationName: 'test',
      entities: [],
      migrations: [CreateThings1700000000000],
      schema: 'beside',
      logger,
    });
    await beside.connect();
    await beside.migrate();
    await beside.transaction((transaction) => transaction.query(add, ['beside']));

    expect(await beside.query(all)).toEqual([{ name: 'beside' }]);
    expect(await names()).toEqual([]);
    await beside.close();
  });
});

describe('a transaction', () => {
  it('keeps everything when the work returns, and then says so', async () => {
    const order: string[] = [];

    const result = await database.transaction(async (transaction) => {
      transaction.afterCommit(() => order.push('committed'));
      await transaction.query(add, ['kept']);
      order.push('worked');
      return 'result';
    });

    expect(result).toBe('result');
    expect(order).toEqual(['worked', 'committed']);
    expect(await names()).toEqual(['kept']);
  });

  it('keeps nothing when the work throws, and says nothing', async () => {
    const committed = jest.fn();

    const failing = database.transaction(async (transaction) => {
      transaction.afterCommit(committed);
      await transaction.query(add, ['lost']);
      throw new Error('no');
    });

    await expect(failing).rejects.toThrow('no');
    expect(committed).not.toHaveBeenCalled();
    expect(await names()).toEqual(['kept']);
  });

  it('never passes for committed when a statement failed and the error was caught', async () => {
    const told: string[] = [];

    const lost = database.transaction(async (transaction) => {
      transaction.afterCommit(() => told.push('committed'));
      await transaction.query(add, ['kept?']);
      await transaction.query(add, ['kept?']).catch(() => undefined);
    });

    await expect(lost).rejects.toThrow('its error was caught');
    expect(await names()).not.toContain('kept?');
    expect(told).toEqual([]);
  });

  it('has those that TypeORM begins inside of it: what such a one keeps is kept or lost with it', async () => {
    const inside = (name: string) => async (transaction: Transaction) => {
      await transaction.query(add, [`${name}, outside`]);
      const failing = transaction.entities.transaction(async (manager) => {
        await manager.query(`INSERT INTO things (name) VALUES ('${name}, taken back')`);
        throw new Error('only this');
      });
      await expect(failing).rejects.toThrow('only this');
      await transaction.entities.transaction(async (manager) => {
        await manager.query(`INSERT INTO things (name) VALUES ('${name}, inside')`);
      });
      if (name === 'lost') throw new Error('all of it');
    };

    await expect(database.transaction(inside('lost'))).rejects.toThrow('all of it');
    expect(await names()).toEqual(['kept']);
    await database.transaction(inside('nested'));
    expect(await names()).toEqual(['kept', 'nested, inside', 'nested, outside']);
    await tidy();
  });

  it('takes back an attempt that fails, with what it deferred and would have told, and goes on', async () => {
    const told: string[] = [];

    await database.transaction(async (transaction) => {
      await transaction.defer(add, ['before']);
      const failing = transaction.attempt(async () => {
        await transaction.query(add, ['taken back']);
        await transaction.defer(add, ['never sent']);
        transaction.afterCommit(() => told.push('taken back'));
        throw new Error('only this');
      });
      await expect(failing).rejects.toThrow('only this');
      const refused = transaction.attempt(() => transaction.defer(add, ['before']));
      await expect(refused).rejects.toMatchObject({ code: '23505' });
      expect(await transaction.attempt(async () => (await transaction.query(add, ['after']), 'returned'))).toBe('returned');
      expect(await transaction.rehearse(() => transaction.defer(add, ['after']))).toMatchObject({ code: '23505' });
      expect(await transaction.rehearse(() => transaction.defer(add, ['rehearsed']))).toBeUndefined();
      transaction.afterCommit(() => told.push('committed'));
    });

    expect(await names()).toEqual(['after', 'before', 'kept']);
    expect(told).toEqual(['committed']);
    await tidy();
  });

  it('gives its connection back, however it ends', async () => {
    const failing = Array.from({ length: 100 }, () => database.transaction(() => Promise.reject(new Error('no'))));

    await expect(Promise.allSettled(failing)).resolves.toHaveLength(100);
    expect(await names()).toEqual(['kept']);
  });

  it('survives the loss of its connection', async () => {
    const cut = database.transaction(async (transaction) => {
      const [row] = await transaction.query<{ pid: number }>({ name: 'pid', text: 'SELECT pg_backend_pid() AS pid' });
      await database.query({ name: 'cut', text: 'SELECT pg_terminate_backend($1)' }, [row!.pid]);
      await transaction.query(add, ['lost']);
    });

    const error: unknown = await cut.catch((caught: unknown) => caught);
    expect(isDatabaseUnavailable(error)).toBe(true);
    expect(await names()).toEqual(['kept']);
  });
});

describe('packets', () => {
  // A single connection, so that what one transaction leaves behind meets the next.
  let one: Database;
  beforeAll(async () => {
    one = new Database({ url, applicationName: 'test', entities: [], migrations: [], poolSize: 1, logger });
    await one.connect();
  });
  afterAll(() => one.close());
  const adding = (...added: string[]) =>
    one.transaction(async (transaction) => {
      for (const name of added) await transaction.defer(add, [name]);
    });

  it('hold what was deferred, in order, before the next statement and before the commit', async () => {
    const seen = await one.transaction(async (transaction) => {
      await transaction.defer(add, ['a']);
      await transaction.defer({ name: 'rename', text: `UPDATE things SET name = 'b' WHERE name = $1` }, ['a']);
      const rows = await transaction.query<{ name: string }>(all);
      await transaction.defer(add, ['c']);
      await transaction.entities.query(`UPDATE things SET name = 'd' WHERE name = 'c'`);
      await transaction.defer(add, ['e']);
      return rows.map(({ name }) => name);
    });

    expect(seen).toEqual(['b', 'kept']);
    expect(await names()).toEqual(['b', 'd', 'e', 'kept']);
    await tidy();
  });

  it('are few: a transaction that defers all it does is one', async () => {
    const packets = jest.fn();
    const session = await one.session();
    const { stream } = (session as unknown as { connection: { stream: Duplex } }).connection;
    const write = stream.write.bind(stream) as (chunk: Buffer) => boolean;
    stream.write = (chunk: Buffer) => (packets(), write(chunk));
    session.release();

    await adding('a', 'b', 'c');

    expect(packets).toHaveBeenCalledTimes(1);
    expect(await names()).toEqual(['a', 'b', 'c', 'kept']);
    await tidy();
  });

  it('are bounded: what is deferred does not pile up', async () => {
    const many = Array.from({ length: 250 }, (_, i) => `many ${i}`);
    const pending: number[] = [];

    await one
      .transaction(async (transaction) => {
        for (const name of many) {
          await transaction.defer(add, [name]);
          // Only what is sent already is seen by whoever asks beside it, so its number tells how much waits.
          if (name === 'many 249') pending.push(Number((await transaction.query<{ n: string }>(countSent))[0]!.n));
        }
        await transaction.defer(add, ['x'.repeat(1_048_577)]).catch(() => undefined); // Too long for the index, and sent at once.
        throw new Error('no');
      })
      .catch(() => undefined);

    expect(pending).toEqual([250]);
    expect(await names()).toEqual(['kept']);
  });

  it('keep nothing of a transaction of which something deferred fails, and say what', async () => {
    await expect(adding('fine', 'kept', 'later')).rejects.toMatchObject({ code: '23505', constraint: 'things_pkey' });

    expect(await names()).toEqual(['kept']);
    await adding('fine');
    expect(await names()).toEqual(['fine', 'kept']);
    await tidy();
  });

  it('keep nothing of a transaction of which something cannot be sent', async () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;

    const unsendable = one.transaction(async (transaction) => {
      await transaction.defer(add, ['before']);
      await transaction.defer(add, [circular]);
      await transaction.defer(add, ['after']);
    });

    await expect(unsendable).rejects.toThrow('circular');
    expect(await names()).toEqual(['kept']);
    await adding('sendable');
    expect(await names()).toEqual(['kept', 'sendable']);
    await tidy();
  });

  it('run nothing outside of the transaction when the BEGIN fails', async () => {
    const forgetBegin = { name: 'forget-begin', text: 'DEALLOCATE "begin"' };
    await adding();
    await one.transaction((transaction) => transaction.query(all));
    await one.query(forgetBegin);

    const alone = one.transaction((transaction) =>
      Promise.all([transaction.query(add, ['alone']), transaction.query(add, ['beside']), transaction.defer(add, ['deferred'])]),
    );

    await expect(alone).rejects.toThrow('prepared statement "begin" does not exist');
    expect(await names()).toEqual(['kept']);
    const session = await one.session();
    session.release(true); // The connection is of no use any more.
  });

  it('know which statements the connection has parsed, whatever failed before', async () => {
    const wrong = { name: 'wrong', text: 'INSERT INTO nowhere (name) VALUES ($1)' };
    const late = { name: 'late', text: 'INSERT INTO things (name) VALUES ($1) RETURNING name' };
    const failing = () =>
      one.transaction(async (transaction) => {
        await transaction.defer(wrong, ['x']);
        await transaction.query(late, ['late']);
      });

    await expect(failing()).rejects.toMatchObject({ code: '42P01' });
    await expect(failing()).rejects.toMatchObject({ code: '42P01' });
    await expect(one.query(wrong, ['x'])).rejects.toMatchObject({ code: '42P01' });
    const twice = await one.transaction(async (transaction) => {
      await transaction.defer(late, ['late']);
      return await transaction.query(late, ['again']);
    });
    expect(twice).toEqual([{ name: 'again' }]);
    expect(await one.query(late, ['alone'])).toEqual([{ name: 'alone' }]);
    expect(await names()).toEqual(['again', 'alone', 'kept', 'late']);
    await tidy();
  });

  it('are none where nothing is asked', async () => {
    expect(await one.transaction(async () => 'nothing')).toBe('nothing');
  });
});

describe('errors', () => {
  it('of a database that is away are told from those of the work', async () => {
    const away = new Database({ url: 'postgres://nobody@127.0.0.1:1/none', applicationName: 'test', entities: [], migrations: [], logger });
    const refused: unknown = await away.connect().catch((error: unknown) => error);
    const broken: unknown = await database.query({ name: 'broken', text: 'SELECT nonsense' }).catch((error: unknown) => error);

    expect(isDatabaseUnavailable(refused)).toBe(true);
    expect(isDatabaseUnavailable(broken)).toBe(false);
    expect(isDatabaseUnavailable(new Error('anything'))).toBe(false);
    expect(isDatabaseUnavailable(undefined)).toBe(false);
  });

  it('of a lost race are told, too', () => {
    expect(isConflict({ code: '40P01' })).toBe(true);
    expect(isConflict({ code: '23505' })).toBe(false);
  });
});
