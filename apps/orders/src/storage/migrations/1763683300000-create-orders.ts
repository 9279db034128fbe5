import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateOrders1763683300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE orders (
        id                  uuid        PRIMARY KEY,
        job_id              uuid        NOT NULL,
        correlation_id      uuid        NOT NULL,
        customer_id         uuid        NOT NULL,
        status              text        NOT NULL CHECK (status IN ('placed', 'completed', 'cancelled')),
        lines               jsonb       NOT NULL,
        total_minor_units   bigint      NOT NULL CHECK (total_minor_units >= 0),
        currency            text        NOT NULL,
        placed_at           timestamptz NOT NULL,
        paid_at             timestamptz,
        ended_at            timestamptz,
        refunded_at         timestamptz,
        cancellation_reason text,
        version             bigint      NOT NULL
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE orders');
  }
}
