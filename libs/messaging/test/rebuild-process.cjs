// A rebuild in a process of its own, to be killed. It uses the compiled libraries.
const { OrderCompleted, topicOf } = require('@past-tense/contracts');
const { Database } = require('@past-tense/database');
const { DEDUP_MIGRATIONS } = require('@past-tense/dedup');
const { copySchemaOf, MESSAGING_MIGRATIONS, ReadModel, Rebuild, Rebuilds } = require('@past-tense/messaging');
const { OUTBOX_MIGRATIONS } = require('@past-tense/outbox');
const { createLogger } = require('@past-tense/telemetry');
const { EntitySchema } = require('typeorm');

const { DATABASE_URL, KAFKA_BROKER, CONSUMER } = process.env;
const logger = createLogger({ service: 'rebuild', version: '1', level: 'silent', format: 'json' });
const kept = new EntitySchema({ name: 'kept', columns: { event_id: { type: 'uuid', primary: true } } });
class CreateReadModel1763999999999 {
  async up(runner) {
    await runner.query('CREATE TABLE kept (event_id uuid PRIMARY KEY, order_id uuid NOT NULL, version integer NOT NULL)');
  }
}
const open = (schema) =>
  new Database({
    url: DATABASE_URL,
    applicationName: 'rebuild',
    entities: [kept],
    migrations: [...OUTBOX_MIGRATIONS, ...DEDUP_MIGRATIONS, ...MESSAGING_MIGRATIONS, CreateReadModel1763999999999],
    poolSize: 5,
    schema,
    logger,
  });
const keep = { name: 'keep', text: 'INSERT INTO kept (event_id, order_id, version) VALUES ($1, $2, $3)' };
const reaction = {
  react: async ({ eventId, aggregateVersion, data }, transaction) => {
    await transaction.query(keep, [eventId, data.orderId, aggregateVersion]);
  },
};

async function main() {
  const database = open();
  await database.connect();
  await database.migrate();
  const rebuilds = new Rebuilds(database, CONSUMER);
  const outcome = await rebuilds.alone(async (signal) => {
    const record = (await rebuilds.unfinished()) ?? (await rebuilds.begin({ build: '1', by: 'test', why: '' }));
    const copy = open(copySchemaOf(CONSUMER));
    await copy.connect();
    await copy.migrate();
    return await Rebuild.run(
      {
        consumer: CONSUMER,
        kafka: { brokers: [KAFKA_BROKER], clientId: 'rebuild', logger },
        topics: [topicOf(OrderCompleted).name],
        reactions: new Map([[OrderCompleted, reaction]]),
        stages: new Map(),
        database,
        copy,
        model: await ReadModel.of(database, CONSUMER),
        rebuilds,
        dedupTtlMs: 120 * 86_400_000,
        afterDeath: 'hold',
        progress: () => undefined,
        signal,
        logger,
      },
      record,
      { dryRun: false, allowDifferences: false },
    );
  });
  process.stdout.write(JSON.stringify({ swapped: outcome.swapped, counts: outcome.record.counts }));
  process.exit(0);
}

main().catch((error) => {
  process.stderr.write(error.message);
  process.exit(1);
});
