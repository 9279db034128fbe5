import type { Logger } from '@past-tense/telemetry';

/** The packages that can talk to Kafka for a producer and a source. */
export type KafkaClient = 'kafkajs' | 'platformatic';

export interface KafkaOptions {
  readonly brokers: readonly string[];
  /** Name the brokers log for this process. */
  readonly clientId: string;
  /** The package with which events are published and consumed; kafkajs if left out. Everything else is done with kafkajs. */
  readonly client?: KafkaClient;
  /** Who this process is, where the brokers ask. */
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  };
  /** Encrypts the connection; `ca` (PEM) is the authority that is believed, those that Node knows if left out. */
  readonly tls?: { readonly ca?: string };
  readonly logger: Logger;
  /** Told what kafkajs logs, for what it says in no other way. */
  readonly onLog?: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}
