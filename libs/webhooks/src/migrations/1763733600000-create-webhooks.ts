import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateWebhooks1763733600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE webhook_subscriptions (
        id         uuid        PRIMARY KEY,
        owner      text        NOT NULL,
        url        text        NOT NULL,
        host       text        NOT NULL,
        events     text[]      NOT NULL,
        secrets    jsonb       NOT NULL,
        status     text        NOT NULL CHECK (status IN ('active', 'disabled')),
        created_at timestamptz NOT NULL
      )`);
    await runner.query('CREATE INDEX webhook_subscriptions_of_owner ON webhook_subscriptions (owner, id)');
    await runner.query(`
      CREATE TABLE webhook_deliveries (
        id              uuid        PRIMARY KEY,
        subscription    uuid        NOT NULL REFERENCES webhook_subscriptions ON DELETE CASCADE,
        type            text        NOT NULL,
        subject         uuid        NOT NULL,
        body            text        NOT NULL,
        state           text        NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'parked')),
        attempts        integer     NOT NULL DEFAULT 0,
        next_attempt_at timestamptz DEFAULT now(),
        taken_until     timestamptz,
        last_attempt_at timestamptz,
        last_status     integer,
        last_error      text,
        correlation_id  text,
        traceparent     text,
        tracestate      text,
        created_at      timestamptz NOT NULL DEFAULT now(),
        delivered_at    timestamptz,
        UNIQUE (subscription, type, subject),
        CHECK ((state = 'waiting') = (next_attempt_at IS NOT NULL)),
        CHECK ((state = 'delivered') = (delivered_at IS NOT NULL))
      )`);
    // What is due, what is being sent, what an owner or an operator looks at, and what is old.
    await runner.query(
      `CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (subscription, next_attempt_at) WHERE state = 'waiting'`,
    );
    await runner.query('CREATE INDEX webhook_deliveries_taken ON webhook_deliveries (taken_until) WHERE taken_until IS NOT NULL');
    await runner.query('CREATE INDEX webhook_deliveries_of_subscription ON webhook_deliveries (subscription, id)');
    await runner.query(`CREATE INDEX webhook_deliveries_parked ON webhook_deliveries (id) WHERE state = 'parked'`);
    await runner.query(`CREATE INDEX webhook_deliveries_delivered ON webhook_deliveries (delivered_at) WHERE state = 'delivered'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE webhook_deliveries');
    await runner.query('DROP TABLE webhook_subscriptions');
  }
}
