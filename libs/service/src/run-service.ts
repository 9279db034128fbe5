import 'reflect-metadata';
import { TokenVerifier } from '@past-tense/auth';
import type * as Commands from '@past-tense/commands';
import { ConfigurationError, readConfig } from '@past-tense/config';
import { Database, type DatabaseOptions } from '@past-tense/database';
import { Positions, type AnyReaction, type ReactionClass } from '@past-tense/messaging';
import { Outbox } from '@past-tense/outbox';
import { openPersonalData, PersonalData, type OpenPersonalData } from '@past-tense/privacy';
import { createLogger, startTelemetry, type Logger, type Telemetry } from '@past-tense/telemetry';
import type { INestApplication, Type } from '@nestjs/common';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { PositionsController } from './http/positions.controller';
import { startHttp } from './http/start-http';
import { handlesPersonalData, type Messages } from './messages';
import { MessagingRuntime } from './messaging-runtime';
import { notRebuildable, rebuildService } from './rebuild/rebuild-service';
import { databaseOptions, openDatabase } from './service-database';
import { LOGGER, migrationSettings, SETTINGS, type CommandServerSettings, type HttpSettings, type MessagingSettings } from './settings';

export interface ServiceDefinition {
  readonly name: string;
  /** Folder of the compiled `main`; the package.json above it tells the version. */
  readonly root: string;
  /** One sentence for the API documentation. */
  readonly description: string;
  readonly settings: z.ZodObject;
  readonly module: Type;
  /** Left out by a service that takes no part in the events. */
  readonly messages?: Messages;
  readonly entities: DatabaseOptions['entities'];
  readonly migrations: DatabaseOptions['migrations'];
}

const STOP_TIMEOUT_MS = 9_000;
const MIGRATE = 'migrate';
const REBUILD = 'rebuild';

/**
 * Runs a service until it is told to stop: configuration, telemetry, migrations, HTTP, publishing and consuming. What keeps
 * it from starting is said in one sentence and ends the process with code 1. With the argument `migrate` it brings its database
 * up to date and ends; with `rebuild` it fills its read model anew beside the one that serves (docs/how-to/rebuild-a-read-model.md).
 */
export async function runService(definition: ServiceDefinition): Promise<void> {
  const migrating = process.argv[2] === MIGRATE;
  const rebuilding = process.argv[2] === REBUILD;
  if (rebuilding && !definition.messages?.projection) {
    process.stderr.write(`${notRebuildable(definition.name)}\n`);
    process.exit(1);
  }
  let settings: HttpSettings;
  try {
    settings = readConfig(migrating ? migrationSettings : definition.settings) as HttpSettings;
    settings.DATABASE_URL = databaseUrl(settings);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${definition.name} cannot start. ${error.message}\n`);
    process.exit(1);
  }
  const { name } = definition;
  const version = versionOf(definition.root);
  const telemetry = startTelemetry({
    service: name,
    version,
    otlpEndpoint: settings.OTEL_EXPORTER_OTLP_ENDPOINT,
    otlpTracesEndpoint: settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    otlpProtocol: settings.OTEL_EXPORTER_OTLP_PROTOCOL,
  });
  const logger = createLogger({ service: name, version, level: settings.LOG_LEVEL, format: settings.LOG_FORMAT });
  // A quarter of a second of a start, which only those pay who answer commands.
  const commands = definition.messages?.answers && (await import('@past-tense/commands'));
  if (process.argv[2] === REBUILD)
    process.exit(await rebuildService(definition, settings as MessagingSettings, logger, process.argv.slice(3)));
  const service = new RunningService(definition, settings, telemetry, logger, commands);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void service.stop(signal));
  process.on('uncaughtException', (error) => service.fail('an error that nobody caught', error));
  process.on('unhandledRejection', (error) => service.fail('a rejection that nobody handled', error));
  try {
    if (migrating) return await service.migrate();
    await service.start();
  } catch (error) {
    logger.fatal(`${name} cannot start. ${(error as Error).message}`);
    logger.debug({ err: error }, 'why the service cannot start');
    process.exit(1);
  }
}

class RunningService {
  readonly #database: Database;
  #messaging: MessagingRuntime | undefined;
  #personal: OpenPersonalData | undefined;
  #http: INestApplication | undefined;
  #stopping = false;
  readonly #version: string;

  constructor(
    private readonly definition: ServiceDefinition,
    private readonly settings: HttpSettings,
    private readonly telemetry: Telemetry,
    private readonly logger: Logger,
    private readonly commands: typeof Commands | undefined,
  ) {
    this.#version = versionOf(definition.root);
    this.#database = new Database(databaseOptions(definition, settings, logger, commands));
  }

  /** Brings the database up to date and ends the process. */
  async migrate(): Promise<never> {
    await openDatabase(this.#database, this.settings.DATABASE_URL);
    await this.#database.close();
    this.logger.info(`the database of ${this.definition.name} is up to date`);
    process.exit(0);
  }

  async start(): Promise<void> {
    const { name, messages } = this.definition;
    const { AUTH_ISSUER, AUTH_AUDIENCE, AUTH_CUSTOMER_CLAIM, DEPLOYMENT } = this.settings;
    const verifier = await TokenVerifier.of({
      issuer: AUTH_ISSUER,
      audience: AUTH_AUDIENCE,
      customerClaim: AUTH_CUSTOMER_CLAIM,
      development: DEPLOYMENT === 'development',
    });
    await openDatabase(this.#database, this.settings.DATABASE_URL);
    if (messages) {
      if (handlesPersonalData(name, messages))
        this.#personal = await openPersonalData(name, this.settings as MessagingSettings, this.logger);
      this.#messaging = await MessagingRuntime.prepare({
        service: name,
        version: this.#version,
        settings: this.settings as MessagingSettings,
        messages,
        database: this.#database,
        personal: this.#personal?.personal,
        logger: this.logger,
      });
    }
    this.#http = await startHttp({
      definition: { ...this.definition, version: this.#version },
      settings: this.settings,
      logger: this.logger,
      telemetry: this.telemetry,
      verifier,
      providers: [
        { provide: SETTINGS, useValue: this.settings },
        { provide: LOGGER, useValue: this.logger },
        { provide: Database, useValue: this.#database },
        ...(this.#personal ? [{ provide: PersonalData, useValue: this.#personal.personal }] : []),
        ...(this.#messaging ? [{ provide: Outbox, useValue: this.#messaging.outbox }] : []),
        ...(this.#messaging?.positions ? [{ provide: Positions, useValue: this.#messaging.positions }] : []),
      ],
      controllers: this.#messaging?.positions ? [PositionsController] : [],
      ready: {
        database: async () => void (await this.#database.query({ name: 'ready', text: 'SELECT 1' })),
        consumer: async () => {
          if (this.#messaging && !this.#messaging.consuming) throw new Error('not a member of its consumer group');
        },
      },
    });
    const http = this.#http;
    await this.#answerCommands(http, verifier);
    await this.#messaging?.start(
      (reaction: ReactionClass<never>) => http.get<AnyReaction<never>>(reaction, { strict: false }),
      (error) => this.fail('the consumer', error),
    );
    this.logger.info({ port: this.settings.HTTP_PORT }, `${name} is ready`);
  }

  /** Stops in order; whatever hangs is left behind after a while, because redelivery repairs it. */
  async stop(reason: string): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.logger.info({ reason }, `${this.definition.name} stops`);
    setTimeout(() => {
      this.logger.error('stopping takes too long; the rest is repaired by redelivery');
      process.exit(1);
    }, STOP_TIMEOUT_MS).unref();
    try {
      await Promise.all([this.#http?.close(), this.#messaging?.stop()]);
      await Promise.all([this.#database.close(), this.#personal?.close()]);
      await this.telemetry.shutdown();
      process.exit(0);
    } catch (error) {
      this.logger.error({ err: error }, 'the service could not stop in order');
      process.exit(1);
    }
  }

  /** Ends the process: going on after an error nobody understood could do harm; a fresh start cannot. */
  fail(what: string, error: unknown): void {
    this.logger.fatal(
      { err: error },
      `${this.definition.name} ends because of ${what}: ${error instanceof Error ? error.message : String(error)}`,
    );
    process.exitCode = 1;
    if (this.#stopping) return;
    this.#stopping = true;
    void this.telemetry.shutdown().finally(() => process.exit(1));
    setTimeout(() => process.exit(1), 2_000).unref();
  }

  async #answerCommands(http: INestApplication, verifier: TokenVerifier): Promise<void> {
    const { name, messages } = this.definition;
    if (!messages?.answers || !this.commands) return;
    const { GRPC_HOST, GRPC_PORT, GRPC_TLS_CERT, GRPC_TLS_KEY, COMMAND_CALLERS, COMMANDS_PER_SECOND } = this.settings as HttpSettings &
      CommandServerSettings;
    if ((GRPC_TLS_CERT === undefined) !== (GRPC_TLS_KEY === undefined))
      throw new Error('GRPC_TLS_CERT and GRPC_TLS_KEY belong together; set both or none.');
    this.commands.connectCommands(http, {
      service: name,
      handlers: messages.answers,
      host: GRPC_HOST,
      port: GRPC_PORT,
      ...(GRPC_TLS_CERT && GRPC_TLS_KEY && { tls: { certificate: GRPC_TLS_CERT, key: GRPC_TLS_KEY } }),
      callers: COMMAND_CALLERS,
      callsPerSecond: COMMANDS_PER_SECOND,
      verifier,
      database: this.#database,
      logger: this.logger,
    });
    await http.startAllMicroservices();
  }
}

function versionOf(root: string): string {
  const { version } = JSON.parse(readFileSync(join(root, '..', 'package.json'), 'utf8')) as { version: string };
  return version;
}

/** The address of the database, with the password where it is given apart. */
function databaseUrl({ DATABASE_URL, DATABASE_PASSWORD }: HttpSettings): string {
  if (DATABASE_PASSWORD === undefined) return DATABASE_URL;
  const url = new URL(DATABASE_URL);
  url.password = encodeURIComponent(DATABASE_PASSWORD);
  return url.href;
}
