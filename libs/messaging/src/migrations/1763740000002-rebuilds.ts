import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * `rebuilds`: each rebuild of a read model, by whom and why, how far it has got and what came of it. A consumer has one unfinished at most.
 * Dead letters whose events a rebuild has applied are letters no more; that is noted among what was done to them.
 */
export class CreateRebuilds1763740000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE rebuilds (
        id              uuid        PRIMARY KEY,
        consumer        text        NOT NULL,
        state           text        NOT NULL CHECK (state IN ('filling', 'comparing', 'swapped', 'abandoned', 'dropped')),
        build           text        NOT NULL,
        started_by      text        NOT NULL,
        why             text        NOT NULL,
        started_at      timestamptz NOT NULL DEFAULT now(),
        steps           bigint      NOT NULL DEFAULT 0,
        positions       jsonb       NOT NULL DEFAULT '{}',
        counts          jsonb       NOT NULL,
        failures        jsonb       NOT NULL DEFAULT '[]',
        comparison      jsonb,
        replaced_schema text,
        ended_at        timestamptz
      )`);
    await runner.query(`CREATE UNIQUE INDEX rebuilds_unfinished ON rebuilds (consumer) WHERE state IN ('filling', 'comparing')`);
    await runner.query(`
      ALTER TABLE dead_letter_actions
        DROP CONSTRAINT dead_letter_actions_action_check,
        ADD CONSTRAINT dead_letter_actions_action_check CHECK (action IN ('redrive', 'discard', 'rebuild'))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM dead_letter_actions WHERE action = 'rebuild'`);
    await runner.query(`
      ALTER TABLE dead_letter_actions
        DROP CONSTRAINT dead_letter_actions_action_check,
        ADD CONSTRAINT dead_letter_actions_action_check CHECK (action IN ('redrive', 'discard'))`);
    await runner.query('DROP TABLE rebuilds');
  }
}
