import { ConfigurationError, kafkaAccess, kafkaSettings, readConfig } from '@past-tense/config';
import { Database } from '@past-tense/database';
import { addressOf, Complaint, databaseUrlOf } from '@past-tense/local';
import type { KafkaOptions } from '@past-tense/messaging';
import { createLogger } from '@past-tense/telemetry';
import { z } from 'zod';

const logger = createLogger({ service: 'replay', version: '1', level: 'silent', format: 'json' });

/**
 * Where Kafka is: what the environment says, or the local stack's.
 * @throws Complaint if the environment says it wrongly
 */
export function kafkaOf(environment: NodeJS.ProcessEnv): KafkaOptions {
  const brokers = kafkaSettings.KAFKA_BROKERS.prefault(addressOf('kafka', environment));
  try {
    const given = readConfig(z.object({ ...kafkaSettings, KAFKA_BROKERS: brokers }), environment);
    return { ...kafkaAccess(given), clientId: 'replay', logger };
  } catch (error) {
    throw error instanceof ConfigurationError ? new Complaint(error.message) : error;
  }
}

/**
 * Opens a consumer's database: the one the environment names, or the local stack's.
 * @throws Complaint if it is not known or does not answer
 */
export async function openDatabase(consumer: string, environment: NodeJS.ProcessEnv): Promise<Database> {
  const url = databaseUrlOf(consumer, environment);
  const database = new Database({ url, applicationName: 'replay', entities: [], migrations: [], poolSize: 3, logger });
  try {
    await database.connect();
    return database;
  } catch (error) {
    const { host, pathname } = new URL(url);
    throw new Complaint(
      `The database of ${consumer} at ${host}${pathname} does not answer: ${(error as Error).message || (error as NodeJS.ErrnoException).code}. Start the stack (npm start), or set ${consumer.toUpperCase()}_DATABASE_URL.`,
    );
  }
}
