import { z } from 'zod';
import { ConfigurationError } from './read-config';
import { flag, list } from './settings';

/** Settings of a process that talks to Kafka: where it is, and as whom. Spread them into the settings of the process. */
export const kafkaSettings = {
  KAFKA_BROKERS: list(),
  /** The package with which events are published and consumed; `platformatic` has to be installed besides. */
  KAFKA_CLIENT: z.enum(['kafkajs', 'platformatic'], 'must be kafkajs or platformatic').default('kafkajs'),
  /** How the process proves who it is, where the brokers ask. Belongs together with the user's name and password. */
  KAFKA_SASL_MECHANISM: z.enum(['plain', 'scram-sha-256', 'scram-sha-512'], 'must be plain, scram-sha-256 or scram-sha-512').optional(),
  KAFKA_SASL_USERNAME: z.string().optional(),
  KAFKA_SASL_PASSWORD: z.string().optional(),
  /** Whether the connection is encrypted. */
  KAFKA_TLS: flag(false),
  /** Certificate (PEM) of the authority that the brokers' certificates are from; those that Node knows, if left out. */
  KAFKA_TLS_CA: z.string().optional(),
};

type KafkaSettings = z.infer<z.ZodObject<typeof kafkaSettings>>;

/** Where Kafka is, how to get in, and with which client. */
export interface KafkaAccess {
  readonly brokers: readonly string[];
  readonly client: 'kafkajs' | 'platformatic';
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  };
  readonly tls?: { readonly ca?: string };
}

/**
 * How to get into Kafka, from the settings.
 * @throws ConfigurationError if only some of the settings are given that belong together
 */
export function kafkaAccess(settings: KafkaSettings): KafkaAccess {
  const { KAFKA_BROKERS, KAFKA_CLIENT, KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD, KAFKA_TLS, KAFKA_TLS_CA } = settings;
  const sasl = { KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD };
  const missing = Object.entries(sasl).flatMap(([name, value]) => (value === undefined ? [name] : []));
  if (missing.length === 1 || missing.length === 2)
    throw new ConfigurationError(
      `${Object.keys(sasl).join(', ')} belong together and ${missing.join(', ')} is not set; set all of them or none.`,
    );
  if (KAFKA_TLS_CA !== undefined && !KAFKA_TLS)
    throw new ConfigurationError('KAFKA_TLS_CA is set and KAFKA_TLS is not true; set KAFKA_TLS=true, or leave KAFKA_TLS_CA out.');
  return {
    brokers: KAFKA_BROKERS,
    client: KAFKA_CLIENT,
    ...(KAFKA_SASL_MECHANISM !== undefined &&
      KAFKA_SASL_USERNAME !== undefined &&
      KAFKA_SASL_PASSWORD !== undefined && {
        sasl: { mechanism: KAFKA_SASL_MECHANISM, username: KAFKA_SASL_USERNAME, password: KAFKA_SASL_PASSWORD },
      }),
    ...(KAFKA_TLS && { tls: KAFKA_TLS_CA === undefined ? {} : { ca: KAFKA_TLS_CA } }),
  };
}
