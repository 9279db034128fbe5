// What a plain Node program does with the packed libraries: it appends facts, relays each of them to Kafka twice, and consumes them once, in
// their own trace. Prints what came of it.
import { fact, ShipmentDispatched, topicOf } from '@past-tense/contracts';
import { Database } from '@past-tense/database';
import { DEDUP_MIGRATIONS, maintainPartitions, ProcessedEvents } from '@past-tense/dedup';
import { fromHeaders, newId } from '@past-tense/envelope';
import { applyTopics, Consumer, KafkaProducer, MESSAGING_MIGRATIONS, ownTopics } from '@past-tense/messaging';
import { Outbox, OUTBOX_MIGRATIONS, Relay } from '@past-tense/outbox';
import { createLogger, currentFlow, currentTrace, inFlow, startTelemetry } from '@past-tense/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';

const [name, version, TTL_MS] = ['shipping', '1.0.0', 120 * 86_400_000];
const topic = topicOf(ShipmentDispatched);
const telemetry = startTelemetry({ service: name, version });
const logger = createLogger({ service: name, version, level: 'warn', format: 'json' });
const database = new Database({
  url: process.env.DATABASE_URL,
  applicationName: name,
  entities: [],
  migrations: [...OUTBOX_MIGRATIONS, ...DEDUP_MIGRATIONS, ...MESSAGING_MIGRATIONS],
  logger,
});
await database.connect();
await database.migrate();
await maintainPartitions(database, TTL_MS);
await database.query({ name: 'table', text: 'CREATE TABLE letters (parcel text, trace text, correlation text)' });
const kafka = { brokers: process.env.KAFKA_BROKERS.split(','), clientId: name, logger };
const own = ownTopics('letters').map((queue) => ({ name: queue, partitions: 1, retentionMs: 86_400_000, cleanup: 'delete' }));
await applyTopics(kafka, [topic, ...own], 1);

const producer = new KafkaProducer(kafka);
const published = [];
const publish = async (records) => {
  published.push(...records);
  await producer.publish(records);
  return await producer.publish(records);
};
const relay = new Relay({ database, publish, logger });
const outbox = new Outbox({
  producer: { name, version },
  schemas: new Map([[topic.eventType, { id: 1, version: 1 }]]),
  committed: (what) => relay.wake(what),
});
relay.start();

const write = { name: 'write', text: 'INSERT INTO letters VALUES ($1, $2, $3)' };
const react = async ({ data }, transaction) => {
  await transaction.query(write, [data.trackingNumber, traceIdOf(currentTrace()), currentFlow().correlationId]);
};
const consumer = new Consumer({
  consumer: 'letters',
  kafka,
  topics: [topic.name],
  reactions: new Map([[ShipmentDispatched, { react }]]),
  database,
  processed: new ProcessedEvents('letters', TTL_MS),
  outbox,
  concurrency: 10,
  retry: { attempts: 4, firstDelayMs: 100, maxDelayMs: 2_000 },
  logger,
  onFatal: (error) => {
    throw error;
  },
});
await consumer.start();

const letters = () => database.query({ name: 'letters', text: 'SELECT * FROM letters ORDER BY parcel' });
const [correlationId, shipmentId, orderId] = [newId(), newId(), newId()];
// The copy of the first event is on its topic before the second event is: when that one is done, the copy has been passed over.
for (const [before, trackingNumber] of ['PARCEL-1', 'PARCEL-2'].entries()) {
  const dispatched = fact(ShipmentDispatched, { shipmentId, orderId, trackingNumber });
  await inFlow({ correlationId, causationId: newId() }, () =>
    database.transaction((transaction) => outbox.append(transaction, dispatched, before + 1, new Date())),
  );
  while ((await letters()).length === before) await sleep(20);
}
const written = await letters();
await consumer.stop();
await relay.stop();
await Promise.all([producer.disconnect(), database.close(), telemetry.shutdown()]);

const events = published.map(({ headers }) => fromHeaders(headers));
console.log(
  JSON.stringify({
    versions: events.map(({ aggregateVersion }) => aggregateVersion),
    letters: written.map(({ parcel }) => parcel),
    inTheirTraces: written.every(({ trace }, i) => trace === traceIdOf(events[i])),
    inTheirFlow: written.every(({ correlation }) => correlation === correlationId),
  }),
);

function traceIdOf({ traceparent }) {
  return traceparent.split('-')[1];
}
