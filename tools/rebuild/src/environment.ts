import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal } from './refusal';

const HOST = '127.0.0.1';
const LOCAL_PORTS = { POSTGRES_PORT: '15432', KAFKA_PORT: '19092', REGISTRY_PORT: '18081', ISSUER_PORT: '3011' };

/** Folder of the checkout. */
export const ROOT = join(__dirname, '..', '..', '..');

/**
 * The settings with which the service's program runs: what the environment says, and otherwise those of the local stack.
 * @throws Refusal if nobody says where the database is
 */
export function environmentOf(consumer: string, environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const port = (name: keyof typeof LOCAL_PORTS) => environment[name] || LOCAL_PORTS[name];
  // As `npm start` takes it, with the name of the service before it.
  const versions = environment[`${consumer.toUpperCase()}_CONSUMED_VERSIONS`];
  return {
    KAFKA_BROKERS: `${HOST}:${port('KAFKA_PORT')}`,
    // Needed by the service, not by a rebuild; nobody is asked there.
    SCHEMA_REGISTRY_URL: `http://${HOST}:${port('REGISTRY_PORT')}/apis/ccompat/v7`,
    AUTH_ISSUER: `http://${HOST}:${port('ISSUER_PORT')}`,
    // What the person has to know is printed.
    LOG_LEVEL: 'silent',
    ...Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== '')),
    ...(versions && { CONSUMED_VERSIONS: versions }),
    DATABASE_URL: databaseUrlOf(consumer, environment, port('POSTGRES_PORT')),
  };
}

function databaseUrlOf(consumer: string, environment: NodeJS.ProcessEnv, port: string): string {
  const variable = `${consumer.toUpperCase()}_DATABASE_URL`;
  const given = environment[variable];
  if (given) return given;
  const file = join(environment['PAST_TENSE_FOLDER'] || join(ROOT, '.past-tense'), 'passwords.json');
  if (!existsSync(file)) throw new Refusal(`Where is the database of ${consumer}? Start the local stack (npm start), or set ${variable}.`);
  const password = (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>)[consumer];
  return `postgres://${consumer}:${password}@${HOST}:${port}/${consumer}`;
}
