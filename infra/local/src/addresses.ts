import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Complaint } from './complaint';
import { ROOT } from './root';
import { PART_PORTS, SERVICE_PORTS, type PartName, type ServiceName } from './services';

const HOST = '127.0.0.1';

/** Where a part of the local stack listens: at the port that the environment names, as `npm start` takes it, or at its own. */
export function addressOf(part: PartName | ServiceName, environment: NodeJS.ProcessEnv): string {
  return `${HOST}:${environment[`${part.toUpperCase()}_PORT`] || { ...PART_PORTS, ...SERVICE_PORTS }[part]}`;
}

/**
 * Address of a service's database: what `<SERVICE>_DATABASE_URL` says, or that of the local stack.
 * @throws Complaint if neither is known
 */
export function databaseUrlOf(service: string, environment: NodeJS.ProcessEnv): string {
  const variable = `${service.toUpperCase()}_DATABASE_URL`;
  const given = environment[variable];
  if (given) return given;
  const file = join(environment['PAST_TENSE_FOLDER'] || join(ROOT, '.past-tense'), 'passwords.json');
  if (!existsSync(file)) throw new Complaint(`Where is the database of ${service}? Start the local stack (npm start), or set ${variable}.`);
  const password = (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>)[service];
  return `postgres://${service}:${password}@${addressOf('postgres', environment)}/${service}`;
}
