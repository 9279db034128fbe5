import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateShipments1763683500000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE shipments (
        id              uuid    PRIMARY KEY,
        order_id        uuid    NOT NULL UNIQUE,
        address         jsonb   NOT NULL,
        status          text    NOT NULL CHECK (status IN ('planned', 'dispatched', 'rejected')),
        tracking_number text,
        version         bigint  NOT NULL
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE shipments');
  }
}
