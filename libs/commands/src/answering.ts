import { create, fromBinary, toBinary, type MessageShape } from '@bufbuild/protobuf';
import { status, type Metadata } from '@grpc/grpc-js';
import { ROOT_CONTEXT, SpanKind, type Span } from '@opentelemetry/api';
import { UnauthenticatedError, type TokenVerifier } from '@past-tense/auth';
import { commandServiceOf, InvalidPayloadError, validate } from '@past-tense/contracts';
import type { Database, Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { contextOf, endWith, inFlow, inSpan, SEARCHABLE, type Logger } from '@past-tense/telemetry';
import { bulkhead, type IPolicy } from 'cockatiel';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimCommand, findReply, keepReply, replyOf, type CommandKey, type Reply } from './answered-commands';
import { AnswerFigures } from './answer-figures';
import { CallRate } from './call-rate';
import { causationIdOf, commandIdOf, correlationIdOf, onBehalfOfCall, tokenOf, traceOfCall } from './call-metadata';
import { fullNameOf, type Command, type CommandHandler, type UnaryMethod } from './command-handler';
import { codeName, REASONS, StatusError, TOO_LATE } from './status';
import { statusErrorFor } from './status-for';

export interface AnsweringOptions {
  readonly database: Database;
  readonly verifier: Pick<TokenVerifier, 'verify'>;
  /** Services by the `sub` of their tokens, where the issuer does not call them by their own names. */
  readonly callers: Readonly<Record<string, string>>;
  /** Commands carried out at once; each takes a database connection. More wait their turn. */
  readonly concurrency: number;
  /** Calls that one caller may make in a second. */
  readonly callsPerSecond: number;
  readonly logger: Logger;
}

/** One call as it came in. */
export interface IncomingCall {
  readonly method: UnaryMethod;
  readonly request: Uint8Array;
  readonly metadata: Metadata;
  /** Milliseconds since 1970. */
  readonly deadline: number;
  /** Aborted when the caller hangs up. */
  readonly hungUp: AbortSignal;
}

/** Calls in the process at once; more are sent away, so that a flood fills neither the memory nor the queue. */
const MAX_CALLS = 500;
const FIRST_WAIT_MS = 20;
const MAX_WAIT_MS = 200;
/** What is left for the way back, so that the caller hears why instead of nothing. */
const WAY_BACK_MS = 100;

// Those of the server, by OpenTelemetry's conventions; a refusal is none.
const FAILURES = new Set([
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.UNIMPLEMENTED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);

/** Answers calls: who is it, is it valid, was it answered before; and if it was not, carries it out in one transaction with its reply. */
export class Answering {
  readonly #figures = new AnswerFigures();
  readonly #turns: IPolicy;
  readonly #rate: CallRate;
  #calls = 0;

  constructor(private readonly options: AnsweringOptions) {
    this.#turns = bulkhead(options.concurrency, MAX_CALLS);
    this.#rate = new CallRate(options.callsPerSecond);
  }

  /**
   * Answers one call, in its flow and trace.
   * @returns the encoded response
   * @throws StatusError for everything else, refusals among them
   */
  async answer(call: IncomingCall, handler: CommandHandler<UnaryMethod>): Promise<Uint8Array> {
    const startedAt = performance.now();
    const { method, metadata } = call;
    const commandId = commandIdOf(metadata);
    const flow = { correlationId: correlationIdOf(metadata), causationId: commandId ?? newId() };
    const given = traceOfCall(metadata);
    const attributes = {
      'rpc.system': 'grpc',
      'rpc.system.name': 'grpc',
      'rpc.method': fullNameOf(method),
      [SEARCHABLE.correlationId]: flow.correlationId,
      ...(commandId && { 'past_tense.command_id': commandId }),
    };
    const result = await inFlow(flow, () =>
      inSpan(
        fullNameOf(method),
        { kind: SpanKind.SERVER, attributes },
        given ? contextOf(given, ROOT_CONTEXT) : ROOT_CONTEXT,
        async (span) => {
          const outcome = await this.#inTime(call, handler, flow.correlationId).catch((error: unknown) =>
            statusErrorFor(error, call.deadline),
          );
          this.#record(call, outcome, span, performance.now() - startedAt);
          return outcome;
        },
      ),
    );
    if (result instanceof StatusError) throw result;
    if (result.kind === 'accepted') return result.response;
    throw new StatusError(status.FAILED_PRECONDITION, result.reason, result.detail);
  }

  /** Answers at the deadline at the latest, whatever the handler does meanwhile; what it does after that is rolled back. */
  async #inTime(call: IncomingCall, handler: CommandHandler<UnaryMethod>, correlationId: string): Promise<Reply> {
    if (this.#calls >= MAX_CALLS)
      throw new StatusError(
        status.RESOURCE_EXHAUSTED,
        REASONS.tooManyCalls,
        'Too many commands are waiting already; ask again later.',
        [],
        {
          retryAfterMs: 1_000,
        },
      );
    this.#calls += 1;
    const work = this.#reply(call, handler, correlationId).finally(() => (this.#calls -= 1));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(tooLate()), call.deadline - Date.now());
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #reply(call: IncomingCall, handler: CommandHandler<UnaryMethod>, correlationId: string): Promise<Reply> {
    const caller = await this.#callerOf(call);
    const commandId = commandIdOf(call.metadata);
    if (!commandId)
      throw new StatusError(
        status.INVALID_ARGUMENT,
        REASONS.invalidMetadata,
        'The metadata "command-id" is missing or no UUID; every command needs one of its own, and the same one when it is sent again.',
      );
    const data = requestOf(call);
    const command: Command = {
      commandId,
      data,
      caller,
      onBehalfOf: onBehalfOfCall(call.metadata),
      correlationId,
      causationId: causationIdOf(call.metadata),
      deadline: new Date(call.deadline),
    };
    const key = { caller, commandId, method: fullNameOf(call.method), request: toBinary(call.method.input, data) };
    // Nobody holds a connection while waiting for somebody else to answer the same command: fifty of them would take all there are.
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, MAX_WAIT_MS)) {
      const reply = await this.#turns.execute(() => this.#carryOut(call, handler, command, key));
      if (reply) return reply;
      if (call.deadline - Date.now() - WAY_BACK_MS < waitMs)
        throw new StatusError(
          status.ABORTED,
          REASONS.commandInProgress,
          'The same command is being carried out at this moment; ask again for its reply.',
        );
      await sleep(waitMs);
    }
  }

  /** @returns undefined if the same command is being carried out elsewhere */
  async #carryOut(call: IncomingCall, handler: CommandHandler<UnaryMethod>, command: Command, key: CommandKey): Promise<Reply | undefined> {
    requireTime(call);
    return await this.options.database.transaction(async (transaction) => {
      // A reply that is there is nobody's to wait for: fifty copies of a command that was answered long ago would stand in a line.
      const known = await findReply(transaction, key);
      if (known) return known;
      if (!(await claimCommand(transaction, key, requireTime(call)))) return undefined;
      const before = await findReply(transaction, key);
      if (before) return before;
      const reply = await replyOf(transaction, () => responseOf(call.method, handler, command, transaction));
      await keepReply(transaction, key, reply, command.onBehalfOf);
      requireTime(call);
      return reply;
    });
  }

  /** The service that calls; refuses whoever may not. */
  async #callerOf({ method, metadata }: IncomingCall): Promise<string> {
    const token = tokenOf(metadata);
    if (!token) throw new UnauthenticatedError('This needs a token: send it as the metadata "authorization: Bearer <token>".');
    const { subject, scopes } = await this.options.verifier.verify(token);
    await this.#rate.count(subject);
    const { scope, callers } = commandServiceOf(method);
    if (!scopes.has(scope))
      throw new StatusError(status.PERMISSION_DENIED, REASONS.scopeMissing, `This needs a token with the scope ${scope}.`);
    const caller = Object.hasOwn(this.options.callers, subject) ? this.options.callers[subject]! : subject;
    if (!callers.includes(caller))
      throw new StatusError(
        status.PERMISSION_DENIED,
        REASONS.callerNotAllowed,
        `Only ${callers.join(' and ')} may send ${method.name}, and the token is somebody else's.`,
      );
    return caller;
  }

  #record({ method, metadata }: IncomingCall, outcome: Reply | StatusError, span: Span, ms: number): void {
    const { logger } = this.options;
    const code = outcome instanceof StatusError ? outcome.code : outcome.kind === 'accepted' ? status.OK : status.FAILED_PRECONDITION;
    const said = outcome instanceof StatusError ? 'failed' : outcome.kind;
    const reason = outcome instanceof StatusError || outcome.kind === 'refused' ? outcome.reason : undefined;
    span.setAttributes({
      'rpc.response.status_code': codeName(code),
      'rpc.grpc.status_code': code,
      ...(reason && { 'error.type': reason }),
    });
    if (outcome instanceof StatusError && FAILURES.has(code)) endWith(span, outcome);
    this.#figures.answered(fullNameOf(method), said, codeName(code), ms);
    const fields = { method: fullNameOf(method), commandId: commandIdOf(metadata), status: codeName(code), reason, ms: Math.round(ms) };
    const cause = outcome instanceof StatusError ? outcome.cause : undefined;
    if (code === status.INTERNAL) logger.error({ ...fields, err: cause }, `${method.name} could not be carried out`);
    else logger.info({ ...fields, ...(cause !== undefined && { err: cause }) }, `answered ${method.name}`);
  }
}

/** Milliseconds that are left of a call; refuses to go on when nobody waits for the answer any more. */
function requireTime({ deadline, hungUp }: IncomingCall): number {
  const leftMs = deadline - Date.now();
  if (leftMs <= 0) throw tooLate();
  if (hungUp.aborted) throw new StatusError(status.CANCELLED, REASONS.cancelled, 'The caller hung up.');
  return Math.ceil(leftMs);
}

function requestOf({ method, request }: IncomingCall): MessageShape<typeof method.input> {
  let data: MessageShape<typeof method.input>;
  try {
    data = fromBinary(method.input, request);
  } catch {
    throw new StatusError(status.INVALID_ARGUMENT, REASONS.invalidRequest, `The request is not a ${method.input.typeName}.`);
  }
  try {
    validate(method.input, data);
    return data;
  } catch (error) {
    if (!(error instanceof InvalidPayloadError)) throw error;
    throw new StatusError(status.INVALID_ARGUMENT, REASONS.invalidRequest, error.message, error.violations);
  }
}

async function responseOf(
  method: UnaryMethod,
  handler: CommandHandler<UnaryMethod>,
  command: Command,
  transaction: Transaction,
): Promise<Uint8Array> {
  const response = create(method.output, await handler.handle(command, transaction));
  validate(method.output, response);
  return toBinary(method.output, response);
}

function tooLate(): StatusError {
  return new StatusError(status.DEADLINE_EXCEEDED, REASONS.deadlineExceeded, TOO_LATE);
}
