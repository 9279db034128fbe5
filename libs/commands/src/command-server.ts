import type { INestApplication } from '@nestjs/common';
import { ServerGrpc } from '@nestjs/microservices';
import { ServerCredentials, type sendUnaryData, type Server, type ServerUnaryCall, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import type { TokenVerifier } from '@past-tense/auth';
import { commandServiceOf, type CommandService } from '@past-tense/contracts';
import { OldRows, type Database } from '@past-tense/database';
import type { Logger } from '@past-tense/telemetry';
import { HealthImplementation } from 'grpc-health-check';
import { Answering } from './answering';
import { removeOldReplies } from './answered-commands';
import { handledBy, type CommandHandler, type CommandHandlerClass, type UnaryMethod } from './command-handler';
import { OpenCalls } from './open-calls';
import { packageDefinition, serviceDefinition } from './package-definition';
import { statusOf } from './status';
import { statusErrorFor } from './status-for';

export interface CommandServerOptions {
  /** The service that answers, as it stands in the contracts. */
  readonly service: string;
  /** One class for each command of the service. Nest makes the instances. */
  readonly handlers: readonly CommandHandlerClass[];
  /** Address to listen on. */
  readonly host: string;
  readonly port: number;
  /** Certificate of the server; without one, calls are not encrypted. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  readonly verifier: Pick<TokenVerifier, 'verify'>;
  /** Services by the `sub` of their tokens, where the issuer does not call them by their own names. */
  readonly callers?: Readonly<Record<string, string>>;
  /** Commands carried out at once; each takes a database connection. */
  readonly concurrency?: number;
  /** Calls that one caller may make in a second. */
  readonly callsPerSecond?: number;
  /** Milliseconds for which a stream (reflection, a watch of health) may be open. */
  readonly maxStreamMs?: number;
  /** Milliseconds after which a caller is asked to connect anew, so that callers find new instances and new addresses. */
  readonly maxConnectionAgeMs?: number;
  readonly database: Database;
  readonly logger: Logger;
}

const CONCURRENCY = 8;
const CALLS_PER_SECOND = 500;
const MAX_STREAM_MS = 60_000;
const MAX_CONNECTION_AGE_MS = 600_000;
const DEFAULT_DEADLINE_MS = 5_000;
const MAX_DEADLINE_MS = 10_000;
const CLOSE_TIMEOUT_MS = 5_000;
const MAX_MESSAGE_BYTES = 65_536;

const LIMITS = {
  'grpc.max_concurrent_streams': 100,
  // A connection may keep this many megabytes of state; without a limit one of them could fill the memory.
  'grpc-node.max_session_memory': 10,
  // A caller that vanished without a word is noticed by its silence.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_connection_idle_ms': 300_000,
  // Longer than a command may take, so that none is cut off.
  'grpc.max_connection_age_grace_ms': 15_000,
  // Otherwise each call adds to a history that nobody looks at.
  'grpc.enable_channelz': 0,
};

/**
 * Answers the commands of a service over gRPC, with health and reflection, as part of a Nest application: it listens after
 * `app.startAllMicroservices()` and stops with `app.close()`.
 * @throws Error in one sentence: a command without a handler or with two, or one of another service
 */
export function connectCommands(app: INestApplication, options: CommandServerOptions): void {
  const methods = checkHandlers(options.service, options.handlers);
  const handlers = new Map(
    [...methods].map(([method, handler]) => [method, app.get<CommandHandler<UnaryMethod>>(handler, { strict: false })]),
  );
  app.connectMicroservice({ strategy: new CommandServer(options, handlers) });
}

/** Nest's gRPC server with our handlers in the place of controllers, which would turn every error into UNKNOWN. */
class CommandServer extends ServerGrpc {
  readonly #services: readonly CommandService[];
  readonly #health: HealthImplementation;
  readonly #answering: Answering;
  readonly #oldReplies: OldRows;
  readonly #openCalls: OpenCalls;

  constructor(
    private readonly settings: CommandServerOptions,
    private readonly handlers: ReadonlyMap<UnaryMethod, CommandHandler<UnaryMethod>>,
  ) {
    const services = [...new Set([...handlers.keys()].map((method) => commandServiceOf(method)))];
    const openCalls = new OpenCalls(MAX_DEADLINE_MS, settings.maxStreamMs ?? MAX_STREAM_MS);
    super({
      package: [],
      packageDefinition: packageDefinition(services.map(({ service }) => service)),
      url: `${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${settings.port}`,
      ...(settings.tls && { credentials: credentialsOf(settings.tls) }),
      maxReceiveMessageLength: MAX_MESSAGE_BYTES,
      maxSendMessageLength: MAX_MESSAGE_BYTES,
      maxMetadataSize: 16_384,
      channelOptions: {
        ...LIMITS,
        'grpc.max_connection_age_ms': settings.maxConnectionAgeMs ?? MAX_CONNECTION_AGE_MS,
        interceptors: [openCalls.interceptor],
      },
      onLoadPackageDefinition: (definition, server) => this.#addServices(definition as never, server as Server),
    });
    const { database, verifier, callers = {}, concurrency = CONCURRENCY, callsPerSecond = CALLS_PER_SECOND, logger } = settings;
    this.#services = services;
    this.#health = new HealthImplementation(Object.fromEntries(this.#names().map((name) => [name, 'NOT_SERVING'])));
    this.#answering = new Answering({ database, verifier, callers, concurrency, callsPerSecond, logger });
    this.#openCalls = openCalls;
    this.#oldReplies = new OldRows({ database, remove: removeOldReplies, logger });
  }

  override async listen(callback: (error?: unknown) => void): Promise<void> {
    await super.listen((error?: unknown) => {
      if (error) return callback(this.#sentenceFor(error));
      this.#oldReplies.start();
      this.#names().forEach((name) => this.#health.setStatus(name, 'SERVING'));
      callback();
    });
  }

  /** Ends streams and lets commands that run finish, for a while. */
  override async close(): Promise<void> {
    this.#names().forEach((name) => this.#health.setStatus(name, 'NOT_SERVING'));
    this.#openCalls.endStreams();
    const server = this.grpcClient as Server | null;
    if (server) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)));
      await Promise.race([new Promise<void>((resolve) => server.tryShutdown(() => resolve())), late]);
      clearTimeout(timer);
    }
    await super.close();
    await this.#oldReplies.stop();
  }

  #addServices(definition: ConstructorParameters<typeof ReflectionService>[0], server: Server): void {
    new ReflectionService(definition).addToServer(server);
    this.#health.addToServer(server);
    for (const { service } of this.#services) {
      const implementation: UntypedServiceImplementation = {};
      for (const [method, handler] of this.handlers) {
        if (method.parent.typeName === service.typeName)
          implementation[method.name] = (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) =>
            void this.#answer(method, handler, call).then(
              (response) => callback(null, Buffer.from(response)),
              (error: unknown) => callback(statusOf(statusErrorFor(error, Infinity))),
            );
      }
      server.addService(serviceDefinition(service), implementation);
    }
  }

  async #answer(method: UnaryMethod, handler: CommandHandler<UnaryMethod>, call: ServerUnaryCall<Buffer, Buffer>): Promise<Uint8Array> {
    const hangUp = new AbortController();
    call.on('cancelled', () => hangUp.abort());
    const { request, metadata } = call;
    return await this.#answering.answer({ method, request, metadata, deadline: deadlineOf(call), hungUp: hangUp.signal }, handler);
  }

  /** What health is told about; the empty name stands for the whole server. */
  #names(): string[] {
    return ['', ...this.#services.map(({ name }) => name)];
  }

  #sentenceFor(error: unknown): Error {
    const { host, port } = this.settings;
    return new Error(
      `Commands cannot be answered on ${host}:${port} (${(error as Error).message}). Stop the process that has the port, or set GRPC_PORT to a free one.`,
      { cause: error },
    );
  }
}

function credentialsOf({ certificate, key }: NonNullable<CommandServerOptions['tls']>): ServerCredentials {
  return ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(certificate), private_key: Buffer.from(key) }]);
}

function checkHandlers(service: string, handlers: readonly CommandHandlerClass[]): Map<UnaryMethod, CommandHandlerClass> {
  const methods = new Map<UnaryMethod, CommandHandlerClass>();
  for (const handler of handlers) {
    const method = handledBy(handler);
    const { receiver, proto } = commandServiceOf(method);
    if (receiver !== service) throw new Error(`${service} may not answer ${method.name}: ${proto} names ${receiver} as the receiver.`);
    const other = methods.get(method);
    if (other) throw new Error(`${method.name} is answered by ${other.name} and by ${handler.name}; one command has one handler.`);
    methods.set(method, handler);
  }
  for (const { commands } of new Set([...methods.keys()].map((method) => commandServiceOf(method)))) {
    const missing = commands.find(({ method }) => !methods.has(method as UnaryMethod));
    if (missing) throw new Error(`${service} does not answer ${missing.name}; write a handler with @Handles(${missing.name}) and name it.`);
  }
  return methods;
}

/** The caller's deadline, but not later than what a command may take. */
function deadlineOf(call: ServerUnaryCall<unknown, unknown>): number {
  const given = Number(call.getDeadline());
  return Number.isFinite(given) ? Math.min(given, Date.now() + MAX_DEADLINE_MS) : Date.now() + DEFAULT_DEADLINE_MS;
}
