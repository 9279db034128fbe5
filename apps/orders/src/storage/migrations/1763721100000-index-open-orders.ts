import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Few orders are on their way at once; finding the oldest must not read those that have ended. */
export class IndexOpenOrders1763721100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX orders_open ON orders (placed_at) WHERE ended_at IS NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX orders_open');
  }
}
