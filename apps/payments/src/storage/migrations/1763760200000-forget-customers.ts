import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A payment knows whose it is, and how they paid can be erased. */
export class ForgetCustomers1763760200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE payments ADD COLUMN customer_id uuid, ALTER COLUMN token DROP NOT NULL');
    await runner.query('CREATE INDEX payments_of_customer ON payments (customer_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX payments_of_customer');
    await runner.query('ALTER TABLE payments DROP COLUMN customer_id');
  }
}
