import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A shipment knows whose it is, and where it went can be erased. */
export class ForgetCustomers1763760300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE shipments ADD COLUMN customer_id uuid, ALTER COLUMN address DROP NOT NULL');
    await runner.query('CREATE INDEX shipments_of_customer ON shipments (customer_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX shipments_of_customer');
    await runner.query('ALTER TABLE shipments DROP COLUMN customer_id');
  }
}
