import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { ROOT_CONTEXT, context } from '@opentelemetry/api';
import { allCommandServices, commandServiceOf, personalFieldsOf, validate } from '@past-tense/contracts';
import { DueRows, OldRows, type Database, type Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import type { PersonalData } from '@past-tense/privacy';
import { contextOf, currentFlow, currentTrace, inFlow, type Logger } from '@past-tense/telemetry';
import { channel } from 'node:diagnostics_channel';
import { requireOnBehalfOf } from './call-metadata';
import type { CommandClient } from './command-client';
import { fullNameOf, type UnaryMethod } from './command-handler';
import { requireNoReaction } from './no-reaction';
import type { Outcome } from './outcome';
import { plainText } from './status';
import { addCommand, putOffCommand, removeOldCommands, settleCommand, takeCommands, type CommandRow } from './command-rows';

/** A command that is to be sent even if this process does not live to see it. */
export interface CommandRequest<M extends UnaryMethod = UnaryMethod> {
  readonly method: M;
  readonly request: MessageInitShape<M['input']>;
  /** Id (UUID) of what the command is about on our side. Commands about the same are sent one after the other. */
  readonly subject: string;
  /** Id of the person whom the personal fields of the request are about; left out where it has none. */
  readonly person?: string | undefined;
  /** Whom it is sent for, 255 characters at most; for the receiver's record. */
  readonly onBehalfOf?: string | undefined;
}

/** What became of a command for good. */
export interface SettledCommand<M extends UnaryMethod = UnaryMethod> {
  readonly commandId: string;
  readonly method: M;
  readonly subject: string;
  /** `expired`: nobody answered in time. Nobody knows then whether it was done; usually it was not. */
  readonly outcome: Exclude<Outcome<M>, { kind: 'unavailable' }> | { readonly kind: 'expired' };
}

/** What a service does when it learns what became of its commands. */
export interface CommandOutcomes {
  /** Called once per command, in the transaction that settles it; if it throws, the command is sent again later and answered the same. */
  answered(transaction: Transaction, command: SettledCommand): Promise<void>;
}

export interface CommandsOptions {
  readonly database: Database;
  /** One for each service that is asked for something. */
  readonly clients: readonly CommandClient[];
  /** Seals what requests say about people for as long as they are kept. */
  readonly personal?: PersonalData;
  /** Milliseconds for which a command is sent again and again. */
  readonly expiryMs?: number;
  /** Commands sent at once. */
  readonly concurrency?: number;
  readonly logger: Logger;
}

const EXPIRY_MS = 600_000;
const FIRST_BACK_OFF_MS = 200;
const MAX_BACK_OFF_MS = 30_000;

// A point at which the crash tests kill the process: the receiver has answered, and nobody here knows it yet.
const answered = channel('past-tense.before-settle');

/** Commands that survive a crash: a row first, sent until they are answered. */
export class Commands {
  readonly #clients: ReadonlyMap<string, CommandClient>;
  readonly #rows: DueRows<CommandRow>;
  readonly #oldRows: OldRows;
  #outcomes: CommandOutcomes | undefined;

  constructor(private readonly options: CommandsOptions) {
    const { database, clients, concurrency = 10, logger } = options;
    this.#clients = new Map(clients.map((client) => [client.receiver, client]));
    this.#rows = new DueRows({
      name: 'the commands to send',
      database,
      take: takeCommands,
      handle: (row) => this.#inItsFlow(row),
      concurrency,
      logger,
    });
    this.#oldRows = new OldRows({ database, remove: removeOldCommands, logger });
  }

  /**
   * Sees to it that a command is sent, once the transaction is committed.
   * @returns the command id
   * @throws InvalidPayloadError if the request breaks its contract; PersonForgottenError if it is about somebody who was forgotten; Error if nobody here can send it, or a reaction is running
   */
  async request<M extends UnaryMethod>(transaction: Transaction, command: CommandRequest<M>): Promise<string> {
    const { method, subject, person, onBehalfOf } = command;
    requireNoReaction(method);
    requireOnBehalfOf(onBehalfOf);
    this.#clientFor(method);
    const request = create(method.input, command.request);
    validate(method.input, request);
    const commandId = newId();
    const flow = currentFlow();
    await addCommand(transaction, {
      id: commandId,
      method: fullNameOf(method),
      request: await this.#sealed(commandId, method, toBinary(method.input, request), person),
      person,
      subject,
      correlationId: flow?.correlationId ?? newId(),
      causationId: flow?.causationId,
      trace: currentTrace(),
      onBehalfOf: onBehalfOf && plainText(onBehalfOf),
      expiryMs: this.options.expiryMs ?? EXPIRY_MS,
    });
    transaction.afterCommit(() => this.#rows.wake());
    return commandId;
  }

  /** Starts to send, and tells `outcomes` what becomes of each command. */
  start(outcomes: CommandOutcomes): void {
    this.#outcomes = outcomes;
    this.#rows.start();
    this.#oldRows.start();
  }

  /** Lets what runs finish and ends the connections; what is left is sent after the next start, here or elsewhere. */
  async stop(): Promise<void> {
    await Promise.all([this.#rows.stop(), this.#oldRows.stop()]);
    for (const client of this.#clients.values()) client.close();
  }

  /** The command goes on in the flow and the trace in which it was requested. */
  async #inItsFlow(row: CommandRow): Promise<void> {
    const { correlation_id: correlationId, causation_id: causationId, traceparent, tracestate } = row;
    const trace = traceparent ? contextOf({ traceparent, tracestate: tracestate ?? undefined }, ROOT_CONTEXT) : ROOT_CONTEXT;
    await inFlow({ correlationId, causationId: causationId ?? row.id }, () => context.with(trace, () => this.#send(row)));
  }

  async #send(row: CommandRow): Promise<void> {
    const method = methodNamed(row.method);
    const { id: commandId, on_behalf_of, expires_at } = row;
    if (row.expired) return await this.#settle(row, method, { kind: 'expired' });
    const request = await this.#opened(row);
    // Who was asking was forgotten meanwhile; nobody waits for it any more.
    if (!request) return await this.#settle(row, method, { kind: 'expired' });
    const command = { method, request: fromBinary(method.input, request), commandId, onBehalfOf: on_behalf_of ?? undefined };
    const outcome = await this.#clientFor(method).sendOnce(command, expires_at.getTime());
    if (outcome.kind === 'unavailable') return await this.#putOff(row, outcome.reason);
    answered.publish(undefined);
    await this.#settle(row, method, outcome);
  }

  /** What is asked waits in a row, and so in the log of the database and in its backups. */
  async #sealed(commandId: string, { name, input }: UnaryMethod, request: Uint8Array, person: string | undefined): Promise<Uint8Array> {
    if (personalFieldsOf(input).length === 0) return request;
    const { personal } = this.options;
    if (!personal || person === undefined)
      throw new Error(
        `${name} holds personal data; say whom it is about (person), and give Commands something to seal it with (personal).`,
      );
    const texts = { request: Buffer.from(request).toString('base64') };
    return Buffer.from((await personal.seal({ person, holder: holderOf(commandId), texts })).request);
  }

  /** The request; undefined if the person whom it is about was forgotten. */
  async #opened({ id, request, person }: CommandRow): Promise<Uint8Array | undefined> {
    if (person === null) return request;
    const opened = await this.options.personal!.open({ person, holder: holderOf(id), texts: { request: request.toString() } });
    return opened && Buffer.from(opened.request, 'base64');
  }

  async #settle(row: CommandRow, method: UnaryMethod, outcome: SettledCommand['outcome']): Promise<void> {
    const { id: commandId, subject, correlation_id: correlationId } = row;
    // From here on the command is the cause.
    await inFlow({ correlationId, causationId: commandId }, () =>
      this.options.database.transaction(async (transaction) => {
        if (await settleCommand(transaction, commandId, outcome))
          await this.#outcomes!.answered(transaction, { commandId, method, subject, outcome });
      }),
    );
    const reason = outcome.kind === 'refused' ? outcome.reason : undefined;
    this.options.logger.info({ commandId, subject, outcome: outcome.kind, reason, attempts: row.attempts }, `${method.name} is settled`);
    // The next one about the same subject may have waited for this one.
    this.#rows.wake();
  }

  async #putOff({ id, attempts, method }: CommandRow, reason: string): Promise<void> {
    const backOffMs = Math.min(FIRST_BACK_OFF_MS * 2 ** Math.min(attempts - 1, 20), MAX_BACK_OFF_MS) * (0.5 + Math.random() / 2);
    await putOffCommand(this.options.database, id, backOffMs);
    this.options.logger.info({ commandId: id, reason, attempts, backOffMs: Math.round(backOffMs) }, `${method} is sent again later`);
    setTimeout(() => this.#rows.wake(), backOffMs).unref();
  }

  #clientFor(method: UnaryMethod): CommandClient {
    const { receiver } = commandServiceOf(method);
    const client = this.#clients.get(receiver);
    if (!client) throw new Error(`${method.name} is answered by ${receiver}, and Commands was given no client for ${receiver}.`);
    return client;
  }
}

const holderOf = (commandId: string) => `command/${commandId}`;

function methodNamed(name: string): UnaryMethod {
  const methods = allCommandServices().flatMap(({ commands }) => commands.map(({ method }) => method as UnaryMethod));
  const method = methods.find((candidate) => fullNameOf(candidate) === name);
  if (!method)
    throw new Error(`The command ${name} is not declared in libs/contracts/commands any more; it waits until it is, or is deleted.`);
  return method;
}
