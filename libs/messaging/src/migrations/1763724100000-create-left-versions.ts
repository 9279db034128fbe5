import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * `left_versions`: versions of an event that were left to another version of it which has not come yet; and what came of them in shadow, as
 * digests of its fields. Empty unless an event is published in several versions.
 */
export class CreateLeftVersions1763724100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE left_versions (
        consumer   text        NOT NULL,
        event_id   uuid        NOT NULL,
        event_type text        NOT NULL,
        outcome    jsonb,
        left_at    timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (consumer, event_id, event_type)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE left_versions');
  }
}
