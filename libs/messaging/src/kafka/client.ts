import './kafkajs-patch';
import type { Logger } from '@past-tense/telemetry';
import { Kafka, logLevel, type LogEntry } from 'kafkajs';

export interface KafkaOptions {
  readonly brokers: readonly string[];
  /** Name the brokers log for this process. */
  readonly clientId: string;
  readonly logger: Logger;
  /** Told what the client logs, for what it says in no other way. */
  readonly onLog?: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

const CONNECTION_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 15_000;

/** The Kafka client every part of this library uses. Nothing connects yet. */
export function kafkaClient({ brokers, clientId, logger, onLog }: KafkaOptions): Kafka {
  return new Kafka({
    brokers: [...brokers],
    clientId,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // What is worth waiting for longer is tried again by the relay and the consumer, which know what they wait for.
    retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 1_000 },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => {
      const fields = describe(entry);
      logger.warn(fields, `kafka: ${entry.log.message}`);
      onLog?.(entry.log.message, fields);
    },
  });
}

/** kafkajs reports as errors what it then tries again by itself; for us these are warnings. */
function describe({ namespace, log }: LogEntry): Record<string, unknown> {
  const { message: _, timestamp: __, stack: ___, logger: ____, ...fields } = log;
  return { kafka: namespace, ...fields };
}

/** The error below kafkajs's wrappers. */
export function rootCause(error: unknown): Error & { type?: string } {
  const { cause } = error as { cause?: unknown };
  return cause instanceof Error ? rootCause(cause) : (error as Error);
}
