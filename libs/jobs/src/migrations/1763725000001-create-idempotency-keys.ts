import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Answers that were given under an Idempotency-Key. Caller and key are kept only as a hash: nobody needs to read them here. */
export class CreateIdempotencyKeys1763725000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE idempotency_keys (
        caller_key  bytea       PRIMARY KEY CHECK (octet_length(caller_key) = 32),
        fingerprint bytea       NOT NULL CHECK (octet_length(fingerprint) = 32),
        status      smallint    NOT NULL,
        headers     jsonb       NOT NULL,
        body        text,
        expires_at  timestamptz NOT NULL
      )`);
    await runner.query('CREATE INDEX idempotency_keys_expired ON idempotency_keys (expires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE idempotency_keys');
  }
}
