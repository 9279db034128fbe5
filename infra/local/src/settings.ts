import { join } from 'node:path';
import { Complaint } from './complaint';
import { ROOT } from './root';
import { PART_PORTS, SERVICE_PORTS } from './services';
import type { StackOptions } from './stack';

type Ports = StackOptions['ports'];

const DEFAULT_PORTS: Ports = { ...SERVICE_PORTS, ...PART_PORTS };

/** Folder for the Java programs, which every start of this checkout shares. */
export const JARS_FOLDER = join(ROOT, '.past-tense', 'jars');

/** Everything one local stack keeps: data, logs, secrets. Ignored by git; PAST_TENSE_FOLDER chooses another place. */
export const FOLDER = process.env['PAST_TENSE_FOLDER'] || join(ROOT, '.past-tense');

/** Environment variable that chooses the port of a part. */
export function portVariable(part: keyof Ports): string {
  return `${part.toUpperCase()}_PORT`;
}

/**
 * The ports of the stack: the defaults, or what the environment says.
 * @throws Complaint if a variable is not a port
 */
export function portsFrom(environment: NodeJS.ProcessEnv): Ports {
  const parts = Object.keys(DEFAULT_PORTS) as (keyof Ports)[];
  return Object.fromEntries(parts.map((part) => [part, portFrom(environment[portVariable(part)], part)])) as unknown as Ports;
}

function portFrom(given: string | undefined, part: keyof Ports): number {
  if (!given) return DEFAULT_PORTS[part];
  const port = Number(given);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new Complaint(`${portVariable(part)} must be a port from 1 to 65535; leave it out to use ${DEFAULT_PORTS[part]}.`);
}
