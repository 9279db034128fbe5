import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who asked to be forgotten and who was, and whether anything of an order is still on its way, which has to end before its customer can be. */
export class ForgetCustomers1763760100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE erasures (
        customer_id    uuid        PRIMARY KEY,
        asked_at       timestamptz NOT NULL,
        asked_by       text        NOT NULL,
        forgotten_at   timestamptz,
        correlation_id uuid        NOT NULL,
        causation_id   uuid        NOT NULL,
        traceparent    text
      )`,
    );
    await runner.query('CREATE INDEX erasures_open ON erasures (asked_at) WHERE forgotten_at IS NULL');
    await runner.query('ALTER TABLE orders ADD COLUMN declined_at timestamptz');
    await runner.query(`CREATE INDEX orders_unsettled ON orders (customer_id) WHERE ended_at IS NULL OR status = 'cancelled'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX orders_unsettled');
    await runner.query('ALTER TABLE orders DROP COLUMN declined_at');
    await runner.query('DROP TABLE erasures');
  }
}
