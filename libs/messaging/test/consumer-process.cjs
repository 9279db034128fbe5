// A consumer in a process of its own, whose reaction kills the process at one order. It uses the compiled libraries.
const { OrderCompleted, topicOf } = require('@past-tense/contracts');
const { Database } = require('@past-tense/database');
const { ProcessedEvents } = require('@past-tense/dedup');
const { Consumer } = require('@past-tense/messaging');
const { Outbox } = require('@past-tense/outbox');
const { createLogger } = require('@past-tense/telemetry');

const { DATABASE_URL, KAFKA_BROKER, CONSUMER, DEADLY_ORDER } = process.env;
const logger = createLogger({ service: 'consumer', version: '1', level: 'error', format: 'json' });
const database = new Database({ url: DATABASE_URL, applicationName: 'consumer', entities: [], migrations: [], logger });
const consumer = new Consumer({
  consumer: CONSUMER,
  kafka: { brokers: [KAFKA_BROKER], clientId: 'consumer', logger },
  topics: [topicOf(OrderCompleted).name],
  reactions: new Map([
    [
      OrderCompleted,
      {
        async react({ data, aggregateVersion }, transaction) {
          const effect = { name: 'effect', text: 'INSERT INTO effects (consumer, order_id, version) VALUES ($1, $2, $3)' };
          await transaction.query(effect, [CONSUMER, data.orderId, aggregateVersion]);
          if (data.orderId === DEADLY_ORDER) process.kill(process.pid, 'SIGKILL');
        },
      },
    ],
  ]),
  processed: new ProcessedEvents(CONSUMER, 120 * 86_400_000),
  database,
  outbox: new Outbox({ producer: { name: 'test', version: '1' }, schemas: new Map() }),
  concurrency: 5,
  retry: { attempts: 3, firstDelayMs: 5, maxDelayMs: 20 },
  maxStarts: 2,
  logger,
  onFatal: (error) => {
    throw error;
  },
});
database.connect().then(() => consumer.start());
process.on('SIGTERM', async () => {
  await consumer.stop();
  await database.close();
  process.exit(0);
});
