import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * `take_events`: what `take_event` does, for several events of different aggregates in one round trip. Locks are taken in the order of the
 * aggregates' ids, as everywhere: two groups that share aggregates must not wait for each other.
 */
export class TakeEvents1763750000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION take_events(of_consumer text, of_events uuid[], of_aggregates text[]) RETURNS TABLE (event_id uuid, verdict text) LANGUAGE plpgsql AS $$
      DECLARE
        aggregate text;
        watched text[];
      BEGIN
        FOR aggregate IN SELECT DISTINCT a COLLATE "C" FROM unnest(of_aggregates) AS a ORDER BY 1 LOOP
          PERFORM pg_advisory_xact_lock(hashtextextended(of_consumer || '/' || aggregate, 0));
        END LOOP;
        watched := ARRAY(SELECT h.aggregate_id FROM held_events h WHERE h.consumer = of_consumer AND h.aggregate_id = ANY(of_aggregates)
                         UNION SELECT h.waits_for FROM held_events h WHERE h.consumer = of_consumer AND h.waits_for = ANY(of_aggregates));
        RETURN QUERY
          WITH asked AS (SELECT e, a = ANY(watched) AS look FROM unnest(of_events, of_aggregates) AS asked (e, a)),
               taken AS (INSERT INTO processed_events AS p (consumer, event_id) SELECT of_consumer, e FROM asked WHERE NOT look
                         ON CONFLICT DO NOTHING RETURNING p.event_id)
          SELECT e, CASE WHEN look THEN 'look' WHEN e IN (SELECT t.event_id FROM taken t) THEN 'taken' ELSE 'done' END FROM asked;
      END $$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION take_events');
  }
}
