import type { Type } from '@nestjs/common';
import type { DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { Transaction } from '@past-tense/database';
import 'reflect-metadata';

/** A command as its contract describes it: one request, one answer. */
export type UnaryMethod = DescMethodUnary;

/** A command that has been received, from a caller who may send it, and valid. */
export interface Command<M extends UnaryMethod = UnaryMethod> {
  readonly commandId: string;
  readonly data: MessageShape<M['input']>;
  /** Name of the service that sent it. */
  readonly caller: string;
  /** Whom the caller sent it for, in the caller's words; for the record, not for decisions. */
  readonly onBehalfOf?: string | undefined;
  readonly correlationId: string;
  /** Id of what made the caller send it, as the caller says. */
  readonly causationId?: string | undefined;
  /** When the answer is no longer waited for. Nothing is committed after that. */
  readonly deadline: Date;
}

/**
 * Answers one command: does it in the given transaction and returns the response; throws a Refusal if it will not, and NotYet if it
 * cannot tell yet. It runs once per command id. It must not commit, and must not call others: the transaction is open meanwhile.
 */
export interface CommandHandler<M extends UnaryMethod> {
  handle(command: Command<M>, transaction: Transaction): Promise<MessageInitShape<M['output']>>;
}

/** A class that answers some command. */
export type CommandHandlerClass = Type<{ handle(command: never, transaction: Transaction): Promise<object> }>;

const HANDLED = Symbol('handled command');

/** Names the command that a class answers: `@Handles(CancelShipment)`. */
export function Handles<M extends UnaryMethod>(method: M) {
  return (handler: Type<CommandHandler<M>>): void => Reflect.defineMetadata(HANDLED, method, handler);
}

/**
 * The command that a class answers.
 * @throws Error if the class does not say
 */
export function handledBy(handler: CommandHandlerClass): UnaryMethod {
  const method = Reflect.getMetadata(HANDLED, handler) as UnaryMethod | undefined;
  if (!method) throw new Error(`${handler.name} does not say which command it answers; put @Handles(<command>) above it.`);
  return method;
}

/** The name of a command as gRPC has it, such as `shipping.v1.ShippingCommands/CancelShipment`. */
export function fullNameOf(method: UnaryMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}
