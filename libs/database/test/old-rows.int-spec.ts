import { createLogger } from '@past-tense/telemetry';
import { eventually, testDatabase } from '@past-tense/testing';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Database, OldRows } from '../src/index';

class CreateLeaves1700000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE leaves (id int PRIMARY KEY, old boolean NOT NULL)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE leaves');
  }
}

const remove = {
  name: 'leaves-remove',
  text: 'DELETE FROM leaves WHERE id = ANY(ARRAY(SELECT id FROM leaves WHERE old LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1',
};
const left = { name: 'leaves-left', text: 'SELECT id FROM leaves ORDER BY id' };
const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });

let database: Database;
beforeAll(async () => {
  database = new Database({
    url: await testDatabase(),
    applicationName: 'test',
    entities: [],
    migrations: [CreateLeaves1700000000002],
    logger,
  });
  await database.connect();
  await database.migrate();
});
afterAll(() => database.close());

it('deletes all that is old, batch after batch, with several instances at once, and nothing else', async () => {
  await database.query({ name: 'fall', text: 'INSERT INTO leaves SELECT id, id > 2 FROM generate_series(1, 5000) AS id' });
  const instances = Array.from({ length: 3 }, () => new OldRows({ database, remove, logger }));
  for (const instance of instances) instance.start();

  await eventually(async () => expect(await database.query(left)).toEqual([{ id: 1 }, { id: 2 }]));
  await Promise.all(instances.map((instance) => instance.stop()));
});
