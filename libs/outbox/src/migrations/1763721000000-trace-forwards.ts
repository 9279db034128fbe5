import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A message on its way to another topic knows the span that sent it there, so that its send is part of the trace. */
export class TraceForwards1763721000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE outbox_forwards ADD COLUMN traceparent text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE outbox_forwards DROP COLUMN traceparent');
  }
}
