import { allTopics, registrySubjects } from '@past-tense/contracts';
import { declaredTopics, ownTopics } from '@past-tense/messaging';
import { parseArgs } from 'node:util';

/** What was asked for on the command line. */
export interface Request {
  /** Say what would be done, and do nothing. */
  readonly dryRun: boolean;
  /** See to the permissions on Kafka, too. */
  readonly acls: boolean;
  /** Take away permissions that are not declared any more. */
  readonly revoke: boolean;
  /** Topics that may get more partitions, and with each the own topics of its consumers, which have as many. */
  readonly mayGrow: ReadonlySet<string>;
  /** Topics that may lose events. */
  readonly mayLose: ReadonlySet<string>;
  /** Subjects of which a new version need not be compatible with those that are registered. */
  readonly mayBreak: ReadonlySet<string>;
  /** What was said, for whom it is to be repeated without `--dry-run`. */
  readonly flags: readonly string[];
}

/** A command line that cannot be understood. The message is all there is to say. */
export class UsageError extends Error {
  override name = 'UsageError';
}

export const USAGE = `Usage: npm run catalogue -- [options]

Brings Kafka and the schema registry into the state that the contracts declare. Doing it twice changes nothing.

  --dry-run                        says what would be done and does nothing
  --acls                           grants the permissions on Kafka that the contracts declare
  --revoke                         with --acls: takes away what they do not declare any more; after the services, which may still need it
  --allow-more-partitions <topic>  lets a topic grow, and the own topics of its consumers with it; may be said more than once
  --allow-data-loss <topic>        lets a topic lose events that its declaration no longer keeps; may be said more than once
  --allow-incompatible <subject>   registers a schema that the registry refuses, as when a deprecated field has gone; may be said more than once

Without settings it takes the Kafka and the registry of npm start. Settings: KAFKA_BROKERS, SCHEMA_REGISTRY_URL,
KAFKA_REPLICATION_FACTOR, KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD, KAFKA_TLS, KAFKA_TLS_CA.
`;

/**
 * Reads the command line.
 * @returns undefined if help is wanted
 * @throws UsageError in one sentence
 */
export function readRequest(args: readonly string[]): Request | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  if (values.revoke && !values.acls) throw new UsageError('--revoke belongs to --acls; say both.');
  const grow = values['allow-more-partitions'] ?? [];
  const lose = values['allow-data-loss'] ?? [];
  const known = declaredTopics().map(({ name }) => name);
  const events = allTopics().map(({ name }) => name);
  for (const name of [...grow, ...lose])
    if (!known.includes(name))
      throw new UsageError(
        `No contract declares a topic "${name}"; there are ${events.join(', ')}, and the consumers' own such as ${known.at(-1)}.`,
      );
  const broken = values['allow-incompatible'] ?? [];
  const subjects = registrySubjects(allTopics()).map(({ subject }) => subject);
  for (const name of broken)
    if (!subjects.includes(name)) throw new UsageError(`No contract needs a subject "${name}"; there are ${subjects.join(', ')}.`);
  return {
    dryRun: values['dry-run'] ?? false,
    acls: values.acls ?? false,
    revoke: values.revoke ?? false,
    mayGrow: new Set(grow.flatMap((name) => [name, ...ownTopicsBehind(name)])),
    mayLose: new Set(lose),
    mayBreak: new Set(broken),
    flags: args.filter((argument) => argument !== '--dry-run'),
  };
}

function ownTopicsBehind(name: string): string[] {
  return allTopics().flatMap((topic) => (topic.name === name ? topic.consumers.flatMap(ownTopics) : []));
}

function parse(args: readonly string[]) {
  const flag = { type: 'boolean' } as const;
  const names = { type: 'string', multiple: true } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        'dry-run': flag,
        acls: flag,
        revoke: flag,
        help: flag,
        'allow-more-partitions': names,
        'allow-data-loss': names,
        'allow-incompatible': names,
      },
    }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('. ')[0]}. See npm run catalogue -- --help.`);
  }
}
