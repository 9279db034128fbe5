import type { MigrationInterface, QueryRunner } from 'typeorm';

const before = `'planned', 'dispatched', 'rejected'`;
const after = `'planned', 'handing-over', 'dispatched', 'delivered', 'rejected', 'cancelled'`;

/** A shipment can be called off, and its delivery is heard of; while it is handed over neither is possible. */
export class MoreEndsOfShipments1763722200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await this.#allow(runner, after);
    // Carriers number their parcels anew after some years, so the number is not unique.
    await runner.query('CREATE INDEX shipments_by_tracking_number ON shipments (tracking_number) WHERE tracking_number IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX shipments_by_tracking_number');
    await this.#allow(runner, before);
  }

  async #allow(runner: QueryRunner, statuses: string): Promise<void> {
    await runner.query('ALTER TABLE shipments DROP CONSTRAINT shipments_status_check');
    await runner.query(`ALTER TABLE shipments ADD CONSTRAINT shipments_status_check CHECK (status IN (${statuses}))`);
  }
}
