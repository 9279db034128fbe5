// A relay in a process of its own, so that a test can kill it. It uses the compiled libraries, as a service does.
const { Database } = require('@past-tense/database');
const { KafkaProducer } = require('@past-tense/messaging');
const { Relay } = require('@past-tense/outbox');
const { createLogger } = require('@past-tense/telemetry');

const logger = createLogger({ service: 'relay', version: '1', level: 'warn', format: 'json' });
const database = new Database({
  url: process.env.DATABASE_URL,
  applicationName: 'relay',
  entities: [],
  migrations: [],
  poolSize: 4,
  logger,
});
const producer = new KafkaProducer({ brokers: [process.env.KAFKA_BROKER], clientId: 'relay', logger });
const publish = async (records) => {
  const positions = await producer.publish(records);
  process.stdout.write(`published ${records.length}\n`);
  return positions;
};
const relay = new Relay({ database, publish, logger, leaseMs: 1_000, pollMs: 200, batchSize: 50 });

database.connect().then(() => {
  relay.start();
  process.stdout.write('ready\n');
});
process.on('SIGTERM', async () => {
  await relay.stop();
  await producer.disconnect();
  await database.close();
  process.exit(0);
});
