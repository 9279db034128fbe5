import { addressOf, databaseUrlOf } from '@past-tense/local';

/**
 * The settings with which the service's program runs: what the environment says, and otherwise those of the local stack.
 * @throws Complaint if nobody says where the database is
 */
export function environmentOf(consumer: string, environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  // As `npm start` takes it, with the name of the service before it.
  const versions = environment[`${consumer.toUpperCase()}_CONSUMED_VERSIONS`];
  return {
    KAFKA_BROKERS: addressOf('kafka', environment),
    // Needed by the service, not by a rebuild; nobody is asked there.
    SCHEMA_REGISTRY_URL: `http://${addressOf('registry', environment)}/apis/ccompat/v7`,
    AUTH_ISSUER: `http://${addressOf('issuer', environment)}`,
    // What the person has to know is printed.
    LOG_LEVEL: 'silent',
    ...Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== '')),
    ...(versions && { CONSUMED_VERSIONS: versions }),
    DATABASE_URL: databaseUrlOf(consumer, environment),
  };
}
