import { flag, httpUrl, kafkaSettings, list, postgresUrl, tcpPort, wholeNumber } from '@past-tense/config';
import { keyStoreSettings } from '@past-tense/privacy';
import { z } from 'zod';

/** Settings that every service has. A service adds its own with `.extend({ … })`. */
export function httpSettings(port: number) {
  return z.object({
    /** Address to listen on. Containers set 0.0.0.0; on a workstation nobody else is to reach the service. */
    HTTP_HOST: z.string().default('127.0.0.1'),
    HTTP_PORT: tcpPort(port),
    DATABASE_URL: postgresUrl(),
    /** The password, where it is not part of the address. */
    DATABASE_PASSWORD: z.string().optional(),
    DATABASE_POOL_SIZE: wholeNumber(16, { min: 2, max: 200 }),
    /** On a workstation and in tests `development`: only then the development issuer is believed. */
    DEPLOYMENT: z.enum(['development', 'production']).default('production'),
    /** The OpenID Connect issuer whose tokens are believed, as it stands in them (`iss`). */
    AUTH_ISSUER: httpUrl(),
    /** This API, as it stands in the tokens (`aud`). */
    AUTH_AUDIENCE: z.string().default('past-tense'),
    /** The claim that holds the id of a customer, a UUID. */
    AUTH_CUSTOMER_CLAIM: z.string().default('sub'),
    /** Bytes that a request's body may have. */
    HTTP_MAX_BODY_BYTES: wholeNumber(102_400, { min: 1_024, max: 10_485_760 }),
    /** Milliseconds in which a request must have arrived whole; its headers in half of that. */
    HTTP_REQUEST_TIMEOUT_MS: wholeNumber(10_000, { min: 100, max: 300_000 }),
    /** Requests worked on at once; more are told to come back. A quarter of them may be one caller's. */
    HTTP_MAX_IN_FLIGHT: wholeNumber(600, { min: 1, max: 100_000 }),
    /** Requests that one caller may make in a second; more are told to come back. */
    RATE_LIMIT_PER_SECOND: wholeNumber(1_000, { min: 1, max: 1_000_000 }),
    /** Proxies in front of the service, by address or network, whose word about the caller's address is taken. */
    HTTP_TRUSTED_PROXIES: list().optional(),
    LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
    LOG_FORMAT: z.enum(['json', 'pretty']).default(process.stdout.isTTY ? 'pretty' : 'json'),
    /** OTLP/HTTP receiver for traces and metrics; none by default. */
    OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl().optional(),
    /** Full address for traces alone, with its path; goes before the one above. */
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: httpUrl().optional(),
    OTEL_EXPORTER_OTLP_PROTOCOL: z.enum(['http/protobuf', 'http/json']).default('http/protobuf'),
  });
}

/** What bringing the database of a service up to date needs. */
export const migrationSettings = httpSettings(1).pick({
  DATABASE_URL: true,
  DATABASE_PASSWORD: true,
  DATABASE_POOL_SIZE: true,
  LOG_LEVEL: true,
  LOG_FORMAT: true,
});

/** Settings of a service that takes part in the events. */
export function messagingSettings(port: number) {
  return httpSettings(port).extend({
    ...kafkaSettings,
    ...keyStoreSettings,
    SCHEMA_REGISTRY_URL: httpUrl(),
    /** Versions in which events are published, such as `order.OrderPlaced=v1+v2`; by default the oldest. */
    PUBLISHED_VERSIONS: list().default([]),
    /** Version of an event that takes effect, such as `order.OrderPlaced=shadow:v2`; by default the oldest. docs/how-to/move-to-a-new-version.md */
    CONSUMED_VERSIONS: list().default([]),
    /** One trace for a whole flow, or a trace for each hop with links between them. */
    TRACE_FLOW: z.enum(['connected', 'linked']).default('connected'),
    /** Events handled side by side. */
    CONSUMER_CONCURRENCY: wholeNumber(10, { min: 1, max: 100 }),
    /** Events of different aggregates whose effects may share a transaction while more wait; 1 for each by itself. */
    CONSUMER_GROUP_COMMIT: wholeNumber(50, { min: 1, max: 500 }),
    /** Milliseconds without a sign of life after which an instance's partitions go to others. Kafka's own least is 6000. */
    CONSUMER_SESSION_TIMEOUT_MS: wholeNumber(10_000, { min: 6_000, max: 300_000 }),
    /** Attempts in place before an event is moved away. */
    RETRY_ATTEMPTS: wholeNumber(4, { min: 1, max: 20 }),
    RETRY_FIRST_DELAY_MS: wholeNumber(100, { min: 1, max: 60_000 }),
    RETRY_MAX_DELAY_MS: wholeNumber(2_000, { min: 1, max: 60_000 }),
    /** Delays of the retry tiers. The names of their topics (retry-5s and so on) stay. */
    RETRY_TIER_DELAYS_MS: threeDelays([5_000, 60_000, 600_000]),
    /** What later events of an aggregate do when one of its events is dead-lettered: wait behind it, or go on without it. */
    AFTER_DEAD_LETTER: z.enum(['hold', 'skip']).default('hold'),
    /** How long an early event waits for what it needs before that counts as a gap. */
    EARLY_LIMIT_MS: wholeNumber(300_000, { min: 100, max: 86_400_000 }),
    /** Events that may wait at once, dead letters not counted; past that the consumer pauses. */
    HELD_EVENTS_MAX: wholeNumber(10_000, { min: 1, max: 10_000_000 }),
    /** Days a processed event is remembered; by default as many as the service's contract declares. As long as any event may come again. */
    DEDUP_TTL_DAYS: z.coerce
      .number('must be a number')
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(3_650, 'must be at most 3650')
      .optional(),
    /** Milliseconds after which the outbox shards of a killed instance go to another. */
    OUTBOX_LEASE_MS: wholeNumber(5_000, { min: 500, max: 60_000 }),
    /** Publish facts from the outbox in this process. Off where change data capture does it. */
    OUTBOX_RELAY: flag(true),
  });
}

/** Settings of a service that answers commands: `messagingSettings(port).extend(commandServerSettings(grpcPort))`. */
export const commandServerSettings = (port: number) => ({
  /** Address to listen on for commands. */
  GRPC_HOST: z.string().default('127.0.0.1'),
  GRPC_PORT: tcpPort(port),
  /** Commands that one caller may send in a second; more are told to come back. */
  COMMANDS_PER_SECOND: wholeNumber(500, { min: 1, max: 100_000 }),
  /** Certificate and key (PEM) with which the channel is encrypted; without them it is not. */
  GRPC_TLS_CERT: z.string().optional(),
  GRPC_TLS_KEY: z.string().optional(),
  /** Names of the services that call, where the issuer has others for them: `<sub>=<service>`, separated by commas. */
  COMMAND_CALLERS: list()
    .default([])
    .refine((pairs) => pairs.every((pair) => /^[^=]+=[a-z-]+$/.test(pair)), 'must be <sub>=<service>, separated by commas')
    .transform((pairs): Record<string, string> => Object.fromEntries(pairs.map((pair) => pair.split('=') as [string, string]))),
});

export type CommandServerSettings = z.infer<z.ZodObject<ReturnType<typeof commandServerSettings>>>;
export type HttpSettings = z.infer<ReturnType<typeof httpSettings>>;
export type MessagingSettings = z.infer<ReturnType<typeof messagingSettings>>;

/** Injects the settings of the service. */
export const SETTINGS = Symbol('settings');

/** Injects the logger of the service. */
export const LOGGER = Symbol('logger');

/** Three delays in milliseconds, separated by commas, each at least as long as the one before. */
function threeDelays(fallback: readonly [number, number, number]) {
  return z
    .string()
    .default(fallback.join(','))
    .transform((text) => text.split(',').map(Number))
    .refine(
      (delays) => delays.length === 3 && delays.every((delay, i) => Number.isInteger(delay) && delay >= (delays[i - 1] ?? 1)),
      'must be three whole numbers of milliseconds, separated by commas and ascending',
    );
}
