import { ConfigurationError, httpUrl, kafkaAccess, kafkaSettings, readConfig, wholeNumber } from '@past-tense/config';
import { createLogger } from '@past-tense/telemetry';
import { z } from 'zod';
import { Catalogue, type Plan } from './catalogue';
import { readRequest, USAGE, UsageError, type Request } from './request';

// Where `npm start` has them.
const settings = z.object({
  ...kafkaSettings,
  KAFKA_BROKERS: kafkaSettings.KAFKA_BROKERS.prefault('127.0.0.1:19092'),
  SCHEMA_REGISTRY_URL: httpUrl().default('http://127.0.0.1:18081/apis/ccompat/v7'),
  /** Copies of each new topic; -1 for as many as the brokers make by default. */
  KAFKA_REPLICATION_FACTOR: wholeNumber(-1, { min: -1, max: 10 }),
});

/** Where the program says what it does, and what keeps it from doing it. */
export interface Output {
  readonly say: (line: string) => void;
  readonly complain: (line: string) => void;
}

/**
 * Brings Kafka and the schema registry into the state that the contracts declare, or says what that would take.
 * @returns the exit code: 0 if the state is the declared one, or may become it with the flags that were named
 */
export async function run(args: readonly string[], environment: NodeJS.ProcessEnv, { say, complain }: Output): Promise<0 | 1> {
  let changing = false;
  try {
    const request = readRequest(args);
    if (!request) {
      say(USAGE);
      return 0;
    }
    const given = readConfig(settings, environment);
    const catalogue = new Catalogue({
      kafka: {
        ...kafkaAccess(given),
        clientId: 'catalogue',
        logger: createLogger({ service: 'catalogue', version: '1', level: 'silent', format: 'json' }),
      },
      registryUrl: given.SCHEMA_REGISTRY_URL,
      replicationFactor: given.KAFKA_REPLICATION_FACTOR,
    });
    const plan = await catalogue.plan(request);
    for (const note of plan.notes) say(`note: ${note}`);
    if (request.dryRun) return foretell(plan, request, { say, complain });
    const refusals = plan.steps.flatMap(({ refused }) => refused ?? []);
    if (refusals.length > 0) {
      for (const refusal of refusals) complain(refusal);
      complain('Nothing was changed.');
      return 1;
    }
    changing = plan.steps.length > 0;
    if (changing) await catalogue.apply(plan, request);
    for (const { did } of plan.steps) say(did);
    if (!changing) say(nothingToDo(request));
    return 0;
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof UsageError || error instanceof ConfigurationError) complain(message);
    else if (changing) complain(`The catalogue was applied only in part. ${message} Mend that and apply it again.`);
    else complain(`The catalogue was not applied. ${message}`);
    return 1;
  }
}

function nothingToDo({ acls }: Request): string {
  return `Nothing to do: ${acls ? 'topics, schemas and permissions' : 'topics and schemas'} are as the contracts declare.`;
}

function foretell({ steps }: Plan, request: Request, { say, complain }: Output): 0 | 1 {
  for (const { would, refused, flag } of steps) say(flag === undefined || refused === undefined ? would : refused);
  const hopeless = steps.flatMap(({ refused, flag }) => (refused !== undefined && flag === undefined ? [refused] : []));
  for (const sentence of hopeless) complain(sentence);
  if (hopeless.length > 0) return 1;
  if (steps.length === 0) say(nothingToDo(request));
  else {
    const needed = [...request.flags, ...new Set(steps.flatMap(({ flag }) => flag ?? []))];
    say(`Nothing was changed. To apply it: npm run catalogue${needed.length > 0 ? ` -- ${needed.join(' ')}` : ''}`);
  }
  return 0;
}
