import type { BaseOptions, ConnectionPool } from '@platformatic/kafka';
import { isIP } from 'node:net';
import type { KafkaOptions } from '../client';

export const REQUEST_TIMEOUT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 3_000;
const MAX_PAUSE_MS = 2_000;

/**
 * Options for every part of @platformatic/kafka. It tries nothing again by itself unless `retries` is given too: a commit, for one, must not be
 * tried again with the membership of another generation.
 */
export function clientOptions({ brokers, clientId, sasl, tls }: KafkaOptions): BaseOptions {
  return {
    bootstrapBrokers: [...brokers],
    clientId,
    ...(sasl && {
      sasl: { ...sasl, mechanism: sasl.mechanism.toUpperCase() as Uppercase<typeof sasl.mechanism> },
    }),
    ...(tls && {
      tls: tls.ca === undefined ? {} : { ca: tls.ca },
      // A server is not asked for by its address: https://www.rfc-editor.org/rfc/rfc6066#section-3
      tlsServerName: brokers.every((broker) => isIP(broker.replace(/:\d+$/, '')) === 0),
    }),
    connectTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    autocreateTopics: false,
    retries: 0,
  };
}

/**
 * Hears every error of a pool's connections. The pool hears only the first of each; one that is refused as a user and then closed has two, and an
 * error that nobody hears ends the process.
 */
export function hearErrors(pool: ConnectionPool): ConnectionPool {
  pool.on('connecting', ({ connection }) => connection.on('error', () => undefined));
  return pool;
}

interface ClientError {
  readonly code?: string;
  readonly apiId?: string;
  readonly errors?: readonly unknown[];
  readonly cause?: unknown;
}

/** Everything an error says, wherever it says it: the codes of the client, and what Kafka has answered. */
export function codesIn(error: unknown): ReadonlySet<string> {
  const { code, apiId, errors = [], cause } = (error ?? {}) as ClientError;
  const own = [code, apiId].filter((one) => one !== undefined);
  return new Set([...own, ...[...errors, cause].flatMap((one) => (one === undefined ? [] : [...codesIn(one)]))]);
}

/** The error below those that only say that there was one. */
export function rootCause(error: unknown): Error {
  const { errors, cause } = error as ClientError;
  const next = errors?.[0] ?? cause;
  return next === undefined ? (error as Error) : rootCause(next);
}

/** Whether Kafka has answered, and not the network. */
export function isAnswer(error: unknown): boolean {
  return codesIn(error).has('PLT_KFK_PROTOCOL');
}

/**
 * What an answer in time would have been.
 * @throws Error if there is none; what the answer throws otherwise
 */
export async function within<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Kafka has not answered within ${timeoutMs} ms.`)), timeoutMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Milliseconds to wait before something is tried again that has failed so many times. */
export function pauseAfter(failures: number): number {
  return Math.min(MAX_PAUSE_MS, 100 * 2 ** failures);
}
