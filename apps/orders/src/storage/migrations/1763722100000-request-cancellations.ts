import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Asking twice for a cancellation is asking once, so an order knows who asked first. */
export class RequestCancellations1763722100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE orders ADD COLUMN cancellation_job_id uuid');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE orders DROP COLUMN cancellation_job_id');
  }
}
