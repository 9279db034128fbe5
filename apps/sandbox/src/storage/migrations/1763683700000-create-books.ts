import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateBooks1763683700000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE books (
        idempotency_key text        PRIMARY KEY,
        kind            text        NOT NULL CHECK (kind IN ('capture', 'refund', 'parcel')),
        reference       text        NOT NULL,
        accepted        boolean     NOT NULL,
        answer          jsonb       NOT NULL,
        fingerprint     text        NOT NULL,
        minor_units     bigint,
        currency        text,
        calls           integer     NOT NULL DEFAULT 1,
        first_asked_at  timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query('CREATE INDEX books_by_reference ON books (reference)');
    await runner.query(`CREATE INDEX books_by_capture ON books ((answer ->> 'captureId')) WHERE kind = 'capture'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE books');
  }
}
