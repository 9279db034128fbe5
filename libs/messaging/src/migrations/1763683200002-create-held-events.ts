import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * `held_events`: events that wait, and dead letters, with everything needed to send them on. Nearly empty when all is well. Headers
 * are json and not jsonb, which does not take every character that a header's name may have.
 * `started_events`: messages that were begun right after a start, to find the one that kills the process.
 * `take_event`: takes the lock of an aggregate and, if nothing of it is held, claims the event, in one round trip.
 * `dead_letter_actions`: who did what to a dead letter, when and why.
 */
export class CreateHeldEvents1763683200002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE held_events (
        consumer         text        NOT NULL,
        id               text        NOT NULL,
        aggregate_id     text,
        version          bigint,
        place            text        NOT NULL,
        level            integer     NOT NULL,
        copy             integer     NOT NULL,
        waits_for        text,
        due_at           timestamptz,
        reason           text        NOT NULL,
        event_type       text,
        correlation_id   text,
        traceparent      text,
        attempts         integer     NOT NULL,
        first_failed_at  timestamptz,
        last_failed_at   timestamptz,
        error_class      text,
        error_message    text,
        error_stack      text,
        source_topic     text        NOT NULL,
        source_partition integer     NOT NULL,
        source_offset    bigint      NOT NULL,
        key              bytea,
        value            bytea,
        headers          json        NOT NULL,
        held_since       timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (consumer, id)
      )`);
    await runner.query('CREATE INDEX held_events_of_aggregate ON held_events (consumer, aggregate_id, version)');
    await runner.query('CREATE INDEX held_events_waiting_for ON held_events (consumer, waits_for) WHERE waits_for IS NOT NULL');
    await runner.query('CREATE INDEX held_events_at_place ON held_events (consumer, place, due_at)');
    // Worth nothing after a crash of PostgreSQL itself, so it is not written to the log.
    await runner.query(`
      CREATE UNLOGGED TABLE started_events (
        consumer        text        NOT NULL,
        origin          text        NOT NULL,
        starts          integer     NOT NULL,
        last_started_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (consumer, origin)
      )`);
    await runner.query(`
      CREATE TABLE dead_letter_actions (
        id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        consumer    text        NOT NULL,
        letter_id   text        NOT NULL,
        action      text        NOT NULL CHECK (action IN ('redrive', 'discard')),
        done_by     text        NOT NULL,
        done_at     timestamptz NOT NULL DEFAULT now(),
        why         text        NOT NULL,
        letter      jsonb       NOT NULL
      )`);
    await runner.query(`
      CREATE FUNCTION take_event(of_consumer text, of_event uuid, of_aggregate text, claiming boolean) RETURNS text LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended(of_consumer || '/' || of_aggregate, 0));
        IF EXISTS (SELECT 1 FROM held_events WHERE consumer = of_consumer AND aggregate_id = of_aggregate)
           OR EXISTS (SELECT 1 FROM held_events WHERE consumer = of_consumer AND waits_for = of_aggregate) THEN
          RETURN 'look';
        END IF;
        IF claiming THEN
          INSERT INTO processed_events (consumer, event_id) VALUES (of_consumer, of_event) ON CONFLICT DO NOTHING;
          IF FOUND THEN RETURN 'taken'; END IF;
          RETURN 'done';
        END IF;
        IF EXISTS (SELECT 1 FROM processed_events WHERE consumer = of_consumer AND event_id = of_event) THEN RETURN 'done'; END IF;
        RETURN 'taken';
      END $$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION take_event; DROP TABLE held_events, started_events, dead_letter_actions');
  }
}
