import type { MigrationInterface, QueryRunner } from 'typeorm';

const SHARDS = 32;

/**
 * Facts wait in `outbox`, one column per attribute of the envelope, so that Debezium's outbox event router can read the
 * table too. `outbox_forwards` holds messages on their way to another topic, bytes and headers as they came.
 *
 * `position` orders the rows of one aggregate: a row is inserted under its aggregate's lock, so a later fact has a higher
 * position and is committed later. Between aggregates positions commit in any order, which is why nobody reads from one
 * position to the next.
 */
export class CreateOutbox1763683200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE outbox (
        id                uuid        PRIMARY KEY,
        position          bigint      GENERATED ALWAYS AS IDENTITY,
        shard             smallint    GENERATED ALWAYS AS (hashtext(aggregate_id) & ${SHARDS - 1}) STORED,
        topic             text        NOT NULL,
        event_type        text        NOT NULL,
        aggregate_id      text        NOT NULL,
        aggregate_version bigint      NOT NULL,
        schema_version    integer     NOT NULL,
        schema_owner      text        NOT NULL,
        data_schema       text        NOT NULL,
        correlation_id    uuid        NOT NULL,
        causation_id      uuid        NOT NULL,
        occurred_at       timestamptz NOT NULL,
        producer          text        NOT NULL,
        traceparent       text        NOT NULL,
        tracestate        text,
        payload           bytea       NOT NULL,
        published_at      timestamptz
      ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05)`);
    await runner.query('CREATE INDEX outbox_unpublished ON outbox (position) WHERE published_at IS NULL');
    await runner.query(`
      CREATE TABLE outbox_forwards (
        id           uuid        PRIMARY KEY,
        position     bigint      GENERATED ALWAYS AS IDENTITY,
        shard        smallint    GENERATED ALWAYS AS (coalesce(hashtext(encode(key, 'hex')), 0) & ${SHARDS - 1}) STORED,
        topic        text        NOT NULL,
        key          bytea,
        value        bytea,
        headers      json        NOT NULL,
        created_at   timestamptz NOT NULL DEFAULT now(),
        published_at timestamptz
      ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05)`);
    await runner.query('CREATE INDEX outbox_forwards_unpublished ON outbox_forwards (position) WHERE published_at IS NULL');
    await runner.query('CREATE INDEX outbox_forwards_age ON outbox_forwards (created_at)');
    await runner.query(`
      CREATE TABLE outbox_leases (
        shard      smallint PRIMARY KEY,
        holder     uuid,
        expires_at timestamptz NOT NULL DEFAULT '-infinity'
      ) WITH (fillfactor = 50)`);
    await runner.query(`INSERT INTO outbox_leases (shard) SELECT generate_series(0, ${SHARDS - 1})`);
    await runner.query('CREATE TABLE outbox_relays (holder uuid PRIMARY KEY, expires_at timestamptz NOT NULL)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE outbox, outbox_forwards, outbox_leases, outbox_relays');
  }
}
