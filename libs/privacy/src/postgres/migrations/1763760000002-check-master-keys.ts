import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What tells whether the bytes of a master key are those that were first used under its id. */
export class CheckMasterKeys1763760000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE master_key_checks (
        id          text        PRIMARY KEY,
        check_value bytea       NOT NULL,
        made_at     timestamptz NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE master_key_checks');
  }
}
