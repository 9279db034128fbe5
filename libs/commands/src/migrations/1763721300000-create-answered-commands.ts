import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The replies that a service has given, so that the same command is answered the same way and done once. */
export class CreateAnsweredCommands1763721300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE answered_commands (
        caller         text        NOT NULL,
        command_id     uuid        NOT NULL,
        method         text        NOT NULL,
        fingerprint    bytea       NOT NULL,
        response       bytea,
        refusal_reason text,
        refusal_detail text,
        on_behalf_of   text,
        answered_at    timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (caller, command_id),
        CHECK ((response IS NULL) = (refusal_reason IS NOT NULL)),
        CHECK ((refusal_reason IS NULL) = (refusal_detail IS NULL))
      )`);
    await runner.query('CREATE INDEX answered_commands_by_age ON answered_commands (answered_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE answered_commands');
  }
}
