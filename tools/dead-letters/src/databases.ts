import { allTopics } from '@past-tense/contracts';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal } from './refusal';

const LOCAL_POSTGRES_PORT = '15432';
const ROOT = join(__dirname, '..', '..', '..');

/** Every consumer there is. */
export function allConsumers(): string[] {
  return [...new Set(allTopics().flatMap((topic) => topic.consumers))].sort();
}

/**
 * Address of a consumer's database: what the environment says, or that of the local stack.
 * @throws Refusal if neither is known
 */
export function databaseUrlOf(consumer: string, environment: NodeJS.ProcessEnv): string {
  const variable = `${consumer.toUpperCase()}_DATABASE_URL`;
  const given = environment[variable];
  if (given) return given;
  const file = join(environment['PAST_TENSE_FOLDER'] || join(ROOT, '.past-tense'), 'passwords.json');
  if (!existsSync(file)) throw new Refusal(`Where is the database of ${consumer}? Start the local stack (npm start), or set ${variable}.`);
  const password = (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>)[consumer];
  return `postgres://${consumer}:${password}@127.0.0.1:${environment['POSTGRES_PORT'] || LOCAL_POSTGRES_PORT}/${consumer}`;
}
