import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * `replays`: who had which events fed to the consumer again, when and why, how far that is and what came of it.
 * `replayed_events`: what came of each of them, by where it was published, kept until a while after the replay. `held_ids` are the names
 * under which an event that waits or is dead may be held.
 */
export class CreateReplays1763740000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE replays (
        id         uuid        PRIMARY KEY,
        consumer   text        NOT NULL,
        generation integer,
        source     jsonb       NOT NULL,
        done_by    text        NOT NULL,
        why        text        NOT NULL,
        started_at timestamptz NOT NULL DEFAULT now(),
        events     bigint      NOT NULL,
        fed        bigint      NOT NULL DEFAULT 0,
        positions  jsonb       NOT NULL,
        state      text        NOT NULL DEFAULT 'feeding' CHECK (state IN ('feeding', 'fed', 'done', 'cancelled')),
        ended_at   timestamptz,
        applied    bigint,
        absorbed   bigint,
        waiting    bigint,
        failed     bigint
      )`);
    await runner.query('CREATE INDEX replays_of_consumer ON replays (consumer, started_at)');
    await runner.query(`
      CREATE TABLE replayed_events (
        replay_id uuid   NOT NULL,
        origin    text   NOT NULL,
        result    text   NOT NULL CHECK (result IN ('applied', 'absorbed', 'held')),
        held_ids  text[],
        PRIMARY KEY (replay_id, origin)
      )`);
    await runner.query('ALTER TABLE held_events ADD COLUMN replayed json');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE held_events DROP COLUMN replayed');
    await runner.query('DROP TABLE replays, replayed_events');
  }
}
