import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A fact that is published in several versions has a row for each, all with the event's id. */
export class VersionsOfAFact1763724000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE outbox ADD COLUMN also_as text, DROP CONSTRAINT outbox_pkey, ADD PRIMARY KEY (id, topic)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DELETE FROM outbox AS newer USING outbox AS older WHERE newer.id = older.id AND newer.position > older.position');
    await runner.query('ALTER TABLE outbox DROP COLUMN also_as, DROP CONSTRAINT outbox_pkey, ADD PRIMARY KEY (id)');
  }
}
