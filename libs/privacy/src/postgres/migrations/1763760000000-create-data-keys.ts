import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The data keys, wrapped, and who was forgotten. A role sees and makes only keys with which it may read, or all of them if it seals for others. */
export class CreateDataKeys1763760000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE data_keys (
        person  text        NOT NULL,
        readers text        NOT NULL,
        wrapped bytea       NOT NULL,
        made_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (person, readers)
      )`);
    await runner.query(`
      CREATE TABLE forgotten_people (
        person       text        PRIMARY KEY,
        forgotten_at timestamptz NOT NULL DEFAULT now()
      )`);
    // Who may seal for readers other than itself: the producers of events with personal fields. Kept by whoever owns the key store.
    await runner.query('CREATE TABLE sealers (role text PRIMARY KEY)');
    await runner.query('ALTER TABLE data_keys ENABLE ROW LEVEL SECURITY');
    await runner.query(`
      CREATE POLICY own_keys ON data_keys USING (
        current_user::text = ANY (string_to_array(readers, '+')) OR EXISTS (SELECT 1 FROM sealers WHERE role = current_user::text)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE data_keys, forgotten_people, sealers');
  }
}
