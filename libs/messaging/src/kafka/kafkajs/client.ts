import '../kafkajs-patch';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel, type Admin, type LogEntry, type SASLOptions } from 'kafkajs';
import type { KafkaOptions } from '../client';

const CONNECTION_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 15_000;
const APPLIED_TIMEOUT_MS = 15_000;
const APPLIED_POLL_MS = 50;

/** The client of kafkajs as every part of this library uses it. Nothing connects yet. */
export function kafkaClient({ brokers, clientId, sasl, tls, logger, onLog }: KafkaOptions): Kafka {
  return new Kafka({
    brokers: [...brokers],
    clientId,
    ...(sasl && { sasl: sasl as SASLOptions }),
    ...(tls && { ssl: tls.ca === undefined ? true : { ca: tls.ca } }),
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

/**
 * Works with an admin client and disconnects it.
 * @throws Error in one sentence if Kafka does not answer or does not let this process in; what `work` throws otherwise
 */
export async function withAdmin<T>(options: KafkaOptions, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafkaClient(options).admin();
  try {
    await admin.connect();
    return await work(admin);
  } catch (error) {
    const cause = rootCause(error);
    throw NOT_CONNECTED.has(cause.name) ? new Error(notConnected(options, cause), { cause: error }) : error;
  } finally {
    await admin.disconnect();
  }
}

/**
 * Waits until the brokers show what was asked of them.
 * @param what what it is, to be said if it does not come true
 * @throws Error after 15 seconds
 */
export async function waitFor(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + APPLIED_TIMEOUT_MS;
  while (!(await isSo().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`Kafka does not show ${what} within ${APPLIED_TIMEOUT_MS / 1000} s.`);
    await sleep(APPLIED_POLL_MS);
  }
}

const REFUSED_USER = new Set(['KafkaJSSASLAuthenticationError', 'KafkaJSSASLUnsupportedMechanismError']);
const NOT_CONNECTED = new Set(['KafkaJSConnectionError', 'KafkaJSConnectionClosedError', 'KafkaJSRequestTimeoutError', ...REFUSED_USER]);
const USER_SETTINGS = 'KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD';

function notConnected({ brokers, sasl, tls }: KafkaOptions, cause: Error): string {
  const where = brokers.join(', ');
  if (REFUSED_USER.has(cause.name))
    return `Kafka at ${where} does not take ${sasl?.username} for who it says it is; check ${USER_SETTINGS}.`;
  let remedy = 'check KAFKA_BROKERS and that Kafka runs';
  // A broker that asks who is calling, or wants TLS, closes a connection that begins otherwise, and says nothing.
  if (/closed connection|ECONNRESET|disconnected/i.test(cause.message)) {
    if (tls) remedy = 'check that it speaks TLS there, and KAFKA_TLS_CA';
    else remedy = `if it wants TLS, set KAFKA_TLS=true${sasl ? '' : `; if it asks who is calling, set ${USER_SETTINGS}`}`;
  } else if (tls && /certificate/i.test(cause.message)) remedy = 'check KAFKA_TLS_CA';
  return `Kafka does not answer at ${where} (${cause.message}); ${remedy}.`;
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
