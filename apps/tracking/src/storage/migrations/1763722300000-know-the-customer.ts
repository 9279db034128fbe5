import type { MigrationInterface, QueryRunner } from 'typeorm';

/** An order is shown to its customer only, so the timeline has to know who that is. */
export class KnowTheCustomer1763722300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE timeline ADD COLUMN customer_id uuid');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE timeline DROP COLUMN customer_id');
  }
}
