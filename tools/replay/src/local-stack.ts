import { ConfigurationError, kafkaAccess, kafkaSettings, readConfig } from '@past-tense/config';
import { Database } from '@past-tense/database';
import type { KafkaOptions } from '@past-tense/messaging';
import { createLogger } from '@past-tense/telemetry';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Refusal } from './refusal';

const LOCAL_POSTGRES_PORT = '15432';
const LOCAL_KAFKA_PORT = '19092';
export const ROOT = join(__dirname, '..', '..', '..');

const logger = createLogger({ service: 'replay', version: '1', level: 'silent', format: 'json' });

/**
 * Where Kafka is: what the environment says, or the local stack's.
 * @throws Refusal if the environment says it wrongly
 */
export function kafkaOf(environment: NodeJS.ProcessEnv): KafkaOptions {
  const brokers = kafkaSettings.KAFKA_BROKERS.prefault(`127.0.0.1:${environment['KAFKA_PORT'] || LOCAL_KAFKA_PORT}`);
  try {
    const given = readConfig(z.object({ ...kafkaSettings, KAFKA_BROKERS: brokers }), environment);
    return { ...kafkaAccess(given), clientId: 'replay', logger };
  } catch (error) {
    throw error instanceof ConfigurationError ? new Refusal(error.message) : error;
  }
}

/**
 * Opens a consumer's database: the one the environment names, or the local stack's.
 * @throws Refusal if it is not known or does not answer
 */
export async function openDatabase(consumer: string, environment: NodeJS.ProcessEnv): Promise<Database> {
  const url = databaseUrlOf(consumer, environment);
  const database = new Database({ url, applicationName: 'replay', entities: [], migrations: [], poolSize: 3, logger });
  try {
    await database.connect();
    return database;
  } catch (error) {
    const { host, pathname } = new URL(url);
    throw new Refusal(
      `The database of ${consumer} at ${host}${pathname} does not answer: ${(error as Error).message || (error as NodeJS.ErrnoException).code}. Start the stack (npm start), or set ${consumer.toUpperCase()}_DATABASE_URL.`,
    );
  }
}

function databaseUrlOf(consumer: string, environment: NodeJS.ProcessEnv): string {
  const variable = `${consumer.toUpperCase()}_DATABASE_URL`;
  const given = environment[variable];
  if (given) return given;
  const file = join(environment['PAST_TENSE_FOLDER'] || join(ROOT, '.past-tense'), 'passwords.json');
  if (!existsSync(file)) throw new Refusal(`Where is the database of ${consumer}? Start the local stack (npm start), or set ${variable}.`);
  const password = (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>)[consumer];
  return `postgres://${consumer}:${password}@127.0.0.1:${environment['POSTGRES_PORT'] || LOCAL_POSTGRES_PORT}/${consumer}`;
}
