import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The commands that a service has to send, and what became of them. */
export class CreateCommands1763721300001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE commands (
        id              uuid        PRIMARY KEY,
        seq             bigint      GENERATED ALWAYS AS IDENTITY,
        method          text        NOT NULL,
        request         bytea       NOT NULL,
        subject         uuid        NOT NULL,
        correlation_id  uuid        NOT NULL,
        causation_id    uuid,
        traceparent     text,
        tracestate      text,
        on_behalf_of    text,
        created_at      timestamptz NOT NULL DEFAULT now(),
        attempts        integer     NOT NULL DEFAULT 0,
        next_attempt_at timestamptz NOT NULL DEFAULT now(),
        expires_at      timestamptz NOT NULL,
        answered_at     timestamptz,
        outcome         text,
        reason          text,
        detail          text,
        CHECK ((answered_at IS NULL) = (outcome IS NULL))
      )`);
    await runner.query('CREATE INDEX commands_due ON commands (next_attempt_at) WHERE answered_at IS NULL');
    await runner.query('CREATE INDEX commands_open_of_subject ON commands (subject, seq) WHERE answered_at IS NULL');
    await runner.query('CREATE INDEX commands_by_age ON commands (answered_at) WHERE answered_at IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE commands');
  }
}
