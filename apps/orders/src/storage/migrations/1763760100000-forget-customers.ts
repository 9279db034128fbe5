import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who was forgotten, and whether anything of an order is still on its way, which has to end before its customer can be. */
export class ForgetCustomers1763760100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE forgotten_customers (customer_id uuid PRIMARY KEY, forgotten_at timestamptz NOT NULL)');
    await runner.query('ALTER TABLE orders ADD COLUMN declined_at timestamptz');
    await runner.query(`CREATE INDEX orders_unsettled ON orders (customer_id) WHERE ended_at IS NULL OR status = 'cancelled'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX orders_unsettled');
    await runner.query('ALTER TABLE orders DROP COLUMN declined_at');
    await runner.query('DROP TABLE forgotten_customers');
  }
}
