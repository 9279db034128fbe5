import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * `position_resets`: who had the consumer go on elsewhere on a topic, when and why.
 * `position_reset_partitions`: what that is for each partition, and which instance has done it. At most one of a partition is open: a later one
 * supersedes it.
 */
export class CreatePositionResets1763740000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE position_resets (
        id           uuid        PRIMARY KEY,
        consumer     text        NOT NULL,
        topic        text        NOT NULL,
        partition    integer,
        target       jsonb       NOT NULL,
        requested_by text        NOT NULL,
        requested_at timestamptz NOT NULL DEFAULT now(),
        why          text        NOT NULL
      )`);
    await runner.query('CREATE INDEX position_resets_of_consumer ON position_resets (consumer, id)');
    await runner.query(`
      CREATE TABLE position_reset_partitions (
        reset_id      uuid    NOT NULL REFERENCES position_resets ON DELETE CASCADE,
        consumer      text    NOT NULL,
        topic         text    NOT NULL,
        partition     integer NOT NULL,
        from_offset   bigint  NOT NULL,
        to_offset     bigint  NOT NULL,
        end_offset    bigint  NOT NULL,
        state         text    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'superseded')),
        done_by       text,
        done_at       timestamptz,
        superseded_by uuid,
        PRIMARY KEY (reset_id, partition)
      )`);
    await runner.query(`
      CREATE UNIQUE INDEX position_reset_partitions_open ON position_reset_partitions (consumer, topic, partition) WHERE state = 'pending'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE position_reset_partitions, position_resets');
  }
}
