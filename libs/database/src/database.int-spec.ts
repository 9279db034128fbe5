import { createLogger } from '@past-tense/telemetry';
import { testDatabase } from '@past-tense/testing';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Database, isConflict, isDatabaseUnavailable, type Transaction } from './index';

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
    await database.query({ name: 'remove-nested', text: `DELETE FROM things WHERE name <> 'kept'` });
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
