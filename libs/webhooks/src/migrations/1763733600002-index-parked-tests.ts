import type { MigrationInterface, QueryRunner } from 'typeorm';

export class IndexParkedTests1763733600002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Old tests are looked for every few minutes, and what else is parked can be a lot.
    await runner.query(
      `CREATE INDEX webhook_deliveries_parked_tests ON webhook_deliveries (created_at) WHERE state = 'parked' AND type = 'webhook.test'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX webhook_deliveries_parked_tests');
  }
}
