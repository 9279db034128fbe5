import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { Client, credentials, status, type ChannelCredentials, type ServiceError } from '@grpc/grpc-js';
import { context, metrics, SpanKind } from '@opentelemetry/api';
import { commandServiceOf, validate } from '@past-tense/contracts';
import { newId } from '@past-tense/envelope';
import { currentFlow, endWith, inSpan, SEARCHABLE, traceOf, type Logger } from '@past-tense/telemetry';
import {
  bulkhead,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  handleWhenResult,
  isBrokenCircuitError,
  isBulkheadRejectedError,
  wrap,
  type IPolicy,
} from 'cockatiel';
import { setTimeout as sleep } from 'node:timers/promises';
import { requireOnBehalfOf, writeMetadata } from './call-metadata';
import { fullNameOf, type UnaryMethod } from './command-handler';
import { requireNoReaction } from './no-reaction';
import type { Outcome } from './outcome';
import { codeName, reasonOf, REASONS, retryAfterMsOf } from './status';
import { Tokens } from './tokens';

export interface CommandClientOptions {
  /** The service that answers, as it stands in the contracts. */
  readonly receiver: string;
  /** host:port, or any other name that gRPC resolves (https://github.com/grpc/grpc/blob/master/doc/naming.md). */
  readonly address: string;
  /** Gives the token to call with. It is asked for every attempt, and told which token was refused, if one was: that one is of no use. */
  readonly token: (refused?: string) => Promise<string>;
  /** How the connection is secured; not at all by default. */
  readonly credentials?: ChannelCredentials;
  /** Milliseconds after which one attempt is given up. */
  readonly timeoutMs?: number;
  /** Milliseconds after which `send` gives up. */
  readonly overallMs?: number;
  /** Attempts at once; more wait in a queue of the same length, and past that are not made. */
  readonly concurrency?: number;
  /** Failures in a row after which attempts are not made. */
  readonly breakAfter?: number;
  /** Milliseconds after which one attempt probes whether the receiver is back. */
  readonly probeAfterMs?: number;
  /** Is told why there is no token. */
  readonly logger?: Logger | undefined;
}

/** A command that is to be sent. */
export interface CommandToSend<M extends UnaryMethod = UnaryMethod> {
  readonly method: M;
  readonly request: MessageInitShape<M['input']>;
  /** The same one whenever the same command is sent again; a new one by default. */
  readonly commandId?: string | undefined;
  /** Whom it is sent for, 255 characters at most; for the receiver's record. */
  readonly onBehalfOf?: string | undefined;
}

interface Attempt {
  readonly outcome: Outcome;
  readonly code: status;
  /** Whether the receiver showed that it cannot work. */
  readonly sick: boolean;
  /** Milliseconds that the receiver wants to be left alone. */
  readonly retryAfterMs?: number;
}

const MAX_MESSAGE_BYTES = 65_536;
const FIRST_BACK_OFF_MS = 100;
const MAX_BACK_OFF_MS = 2_000;

/** The reasons of a client that got no answer. */
const HELD_BACK = 'RECEIVER_HELD_BACK';
const NO_TOKEN = 'TOKEN_UNAVAILABLE';
const CLOSED = 'CLIENT_CLOSED';

// Nothing was done, or what was done is known by the command id: asking again is safe.
const AGAIN = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.ABORTED, status.RESOURCE_EXHAUSTED]);
// Asking again would give the same answer.
const FINAL = new Set([
  status.FAILED_PRECONDITION,
  status.INVALID_ARGUMENT,
  status.UNIMPLEMENTED,
  status.PERMISSION_DENIED,
  status.ALREADY_EXISTS,
  status.NOT_FOUND,
  status.OUT_OF_RANGE,
]);
const BROKEN = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.RESOURCE_EXHAUSTED, status.INTERNAL, status.UNKNOWN]);
/** Reasons with which a receiver says that it is in trouble; any other reason comes from one that works. */
const IN_TROUBLE = new Set<string>([
  REASONS.databaseUnavailable,
  REASONS.issuerUnavailable,
  REASONS.deadlineExceeded,
  REASONS.tooManyCalls,
  REASONS.internal,
]);

const BREAKER_STATES = {
  [CircuitState.Closed]: 0,
  [CircuitState.HalfOpen]: 1,
  [CircuitState.Open]: 2,
  [CircuitState.Isolated]: 2,
} as const;

// What we retry is decided here, and nobody else's configuration gets a say.
const CHANNEL = {
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc.enable_channelz': 0,
};

/**
 * Secures the connection of a client with TLS.
 * @param ca whom to trust, certificates in PEM; whom Node trusts by default (https://nodejs.org/api/tls.html)
 */
export function overTls(ca?: string): ChannelCredentials {
  return credentials.createSsl(ca === undefined ? null : Buffer.from(ca));
}

/** Sends commands to one service. */
export class CommandClient {
  readonly #client: Client;
  readonly #policy: IPolicy;
  readonly #tokens: Tokens;
  #closed = false;

  constructor(private readonly options: CommandClientOptions) {
    const { receiver, address, concurrency = 10, breakAfter = 5, probeAfterMs = 2_000 } = options;
    this.#client = new Client(address, options.credentials ?? credentials.createInsecure(), CHANNEL);
    this.#tokens = new Tokens(options);
    const breaker = circuitBreaker(
      handleWhenResult((attempt) => (attempt as Attempt).sick),
      { halfOpenAfter: probeAfterMs, breaker: new ConsecutiveBreaker(breakAfter) },
    );
    this.#policy = wrap(bulkhead(concurrency, concurrency), breaker);
    metrics
      .getMeter('past-tense')
      .createObservableGauge('past_tense.breaker.state', {
        description: 'Whether calls are made: 0 yes (closed), 1 probing (half open), 2 no (open)',
      })
      .addCallback((result) => result.observe(BREAKER_STATES[breaker.state], { dependency: `${receiver} commands` }));
  }

  /** The service that answers. */
  get receiver(): string {
    return this.options.receiver;
  }

  /**
   * Sends a command and waits for what becomes of it; asks again, with the same command id, as long as that is safe and there is time.
   * What must survive a crash of this process is requested with `Commands` instead.
   * @throws InvalidPayloadError if the request breaks its contract; Error if the receiver is another service, or a reaction is running
   */
  async send<M extends UnaryMethod>(command: CommandToSend<M>): Promise<Outcome<M>> {
    const deadline = Date.now() + (this.options.overallMs ?? 10_000);
    const commandId = command.commandId ?? newId();
    let renewed = false;
    for (let failures = 0; ; failures++) {
      const { outcome, code, retryAfterMs = 0 } = await this.#attempt<M>({ ...command, commandId }, deadline);
      const again = AGAIN.has(code) || (code === status.UNAUTHENTICATED && !renewed);
      // Between half and all of the delay, so that those that failed together do not come back together.
      const backOffMs = Math.min(FIRST_BACK_OFF_MS * 2 ** failures, MAX_BACK_OFF_MS) * (0.5 + Math.random() / 2);
      const waitMs = Math.max(backOffMs, retryAfterMs);
      if (outcome.kind !== 'unavailable' || !again || this.#closed || Date.now() + waitMs >= deadline) return outcome as Outcome<M>;
      renewed ||= code === status.UNAUTHENTICATED;
      await sleep(waitMs);
    }
  }

  /**
   * Sends a command once.
   * @param deadline milliseconds since 1970 after which an answer is of no use
   * @throws as `send` does
   */
  async sendOnce<M extends UnaryMethod>(command: CommandToSend<M>, deadline = Infinity): Promise<Outcome<M>> {
    return (await this.#attempt<M>(command, deadline)).outcome as Outcome<M>;
  }

  /** Ends the connection; calls that run end as unavailable. */
  close(): void {
    this.#closed = true;
    this.#client.close();
  }

  async #attempt<M extends UnaryMethod>(command: CommandToSend<M>, overall: number): Promise<Attempt> {
    const { method, onBehalfOf, commandId = newId() } = command;
    requireNoReaction(method);
    requireOnBehalfOf(onBehalfOf);
    const { receiver } = commandServiceOf(method);
    if (receiver !== this.options.receiver) throw new Error(`${method.name} is answered by ${receiver}, not by ${this.options.receiver}.`);
    const request = create(method.input, command.request);
    validate(method.input, request);
    const bytes = Buffer.from(toBinary(method.input, request));
    try {
      return await this.#policy.execute<Attempt>(() => this.#call(method, bytes, { commandId, onBehalfOf }, overall));
    } catch (error) {
      if (isBrokenCircuitError(error) || isBulkheadRejectedError(error)) return unavailable(HELD_BACK, status.UNAVAILABLE, false);
      throw error;
    }
  }

  async #call(
    method: UnaryMethod,
    request: Buffer,
    { commandId, onBehalfOf }: { commandId: string; onBehalfOf: string | undefined },
    overall: number,
  ): Promise<Attempt> {
    const flow = currentFlow() ?? { correlationId: newId(), causationId: undefined };
    const attributes = {
      'rpc.system': 'grpc',
      'rpc.system.name': 'grpc',
      'rpc.method': fullNameOf(method),
      'server.address': this.options.address,
      'past_tense.command_id': commandId,
      [SEARCHABLE.correlationId]: flow.correlationId,
    };
    return await inSpan(fullNameOf(method), { kind: SpanKind.CLIENT, attributes }, context.active(), async (span) => {
      let token: string;
      try {
        token = await this.#tokens.next();
      } catch (error) {
        endWith(span, error);
        return unavailable(NO_TOKEN, status.UNAVAILABLE, false);
      }
      const metadata = writeMetadata({ token, commandId, onBehalfOf, trace: traceOf(span), ...flow });
      if (this.#closed) return unavailable(CLOSED, status.CANCELLED, false);
      const deadline = Math.min(Date.now() + (this.options.timeoutMs ?? 3_000), overall);
      const attempt = await new Promise<Attempt>((resolve) => {
        this.#client.makeUnaryRequest(`/${fullNameOf(method)}`, asItIs, asItIs, request, metadata, { deadline }, (error, response) =>
          resolve(error ? attemptOf(error) : accepted(method, response!)),
        );
      });
      this.#tokens.used(token, attempt.code);
      span.setAttributes({ 'rpc.response.status_code': codeName(attempt.code), 'rpc.grpc.status_code': attempt.code });
      if (attempt.outcome.kind === 'unavailable') endWith(span, new Error(attempt.outcome.reason));
      return attempt;
    });
  }
}

function accepted(method: UnaryMethod, response: Buffer): Attempt {
  try {
    return { outcome: { kind: 'accepted', response: fromBinary(method.output, response) }, code: status.OK, sick: false };
  } catch {
    return unavailable('UNREADABLE_RESPONSE', status.INTERNAL, true);
  }
}

function attemptOf(error: ServiceError): Attempt {
  const reason = reasonOf(error);
  if (FINAL.has(error.code))
    return { outcome: { kind: 'refused', reason: reason ?? codeName(error.code), detail: error.details }, code: error.code, sick: false };
  const sick = BROKEN.has(error.code) && (reason === undefined || IN_TROUBLE.has(reason));
  return { ...unavailable(reason ?? codeName(error.code), error.code, sick), retryAfterMs: retryAfterMsOf(error) };
}

function unavailable(reason: string, code: status, sick: boolean): Attempt {
  return { outcome: { kind: 'unavailable', reason }, code, sick };
}

function asItIs(bytes: Buffer): Buffer {
  return bytes;
}
