import { allTopics, subjectOf } from '@past-tense/contracts';
import { ConfigurationError, list, httpUrl, readConfig, wholeNumber } from '@past-tense/config';
import { applyTopics, SchemaRegistry } from '@past-tense/messaging';
import { createLogger } from '@past-tense/telemetry';
import { z } from 'zod';
import { topicSpecs } from './topic-specs';

const settings = z.object({
  KAFKA_BROKERS: list(),
  SCHEMA_REGISTRY_URL: httpUrl(),
  KAFKA_REPLICATION_FACTOR: wholeNumber(1, { min: 1, max: 10 }),
});

/** Brings Kafka and the schema registry into the state the contracts declare. Doing it twice changes nothing. */
async function applyCatalogue(): Promise<void> {
  const { KAFKA_BROKERS, SCHEMA_REGISTRY_URL, KAFKA_REPLICATION_FACTOR } = readConfig(settings);
  const logger = createLogger({ service: 'catalogue', version: '1', level: 'error', format: 'json' });
  const changes = await applyTopics({ brokers: KAFKA_BROKERS, clientId: 'catalogue', logger }, topicSpecs(), KAFKA_REPLICATION_FACTOR);
  for (const { topic, change } of changes) process.stdout.write(`topic ${topic}: ${change}\n`);
  const schemas = await new SchemaRegistry(SCHEMA_REGISTRY_URL).register(allTopics());
  for (const topic of allTopics()) {
    const { id, version } = schemas.get(topic.eventType)!;
    process.stdout.write(`schema ${subjectOf(topic)}: version ${version}, id ${id}\n`);
  }
}

applyCatalogue().catch((error: unknown) => {
  const what = error instanceof ConfigurationError ? error.message : `The catalogue was not applied. ${(error as Error).message}`;
  process.stderr.write(`${what}\n`);
  process.exitCode = 1;
});
