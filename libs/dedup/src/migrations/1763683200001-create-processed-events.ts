import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The processed-event store. Its partitions are made and dropped by `maintainPartitions`. */
export class CreateProcessedEvents1763683200001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE processed_events (
        consumer     text        NOT NULL,
        event_id     uuid        NOT NULL,
        processed_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (consumer, event_id)
      ) PARTITION BY RANGE (event_id)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE processed_events');
  }
}
