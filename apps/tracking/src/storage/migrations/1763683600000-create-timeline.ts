import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateTimeline1763683600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE timeline (
        event_id          uuid        PRIMARY KEY,
        order_id          uuid        NOT NULL,
        topic             text        NOT NULL,
        event_type        text        NOT NULL,
        aggregate_id      text        NOT NULL,
        aggregate_version integer     NOT NULL,
        correlation_id    uuid        NOT NULL,
        causation_id      uuid        NOT NULL,
        producer          text        NOT NULL,
        trace_id          text        NOT NULL,
        occurred_at       timestamptz NOT NULL,
        published_at      timestamptz NOT NULL
      )`);
    await runner.query('CREATE INDEX timeline_by_order ON timeline (order_id)');
    await runner.query('CREATE INDEX timeline_by_flow ON timeline (correlation_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE timeline');
  }
}
