import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreatePayments1763683400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE payments (
        id                 uuid   PRIMARY KEY,
        order_id           uuid   NOT NULL UNIQUE,
        amount_minor_units bigint NOT NULL CHECK (amount_minor_units >= 0),
        currency           text   NOT NULL,
        token              text   NOT NULL,
        status             text   NOT NULL CHECK (status IN ('requested', 'captured', 'declined', 'refunded')),
        capture_reference  text,
        refund_reference   text,
        decline_reason     text,
        version            bigint NOT NULL
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE payments');
  }
}
