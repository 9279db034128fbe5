import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateReceivedCallbacks1763733600001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE received_callbacks (
        id          text        PRIMARY KEY,
        received_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query('CREATE INDEX received_callbacks_received_at ON received_callbacks (received_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE received_callbacks');
  }
}
