import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whom a command is about, if what it asks is sealed with a key of theirs. */
export class PeopleOfCommands1763760000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE commands ADD COLUMN person text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE commands DROP COLUMN person');
  }
}
