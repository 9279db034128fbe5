import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The version of CloudEvents, as text, for change data capture: it writes columns into headers, and a constant `1.0` of its own would become
 * the number 1.
 */
export class SpecVersion1763721200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE outbox ADD COLUMN spec_version text NOT NULL DEFAULT '1.0'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE outbox DROP COLUMN spec_version');
  }
}
