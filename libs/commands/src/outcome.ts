import type { MessageShape } from '@bufbuild/protobuf';
import type { UnaryMethod } from './command-handler';
import { plainText } from './status';

// AIP-193, https://google.aip.dev/193
const REASON = /^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$/;

/** What became of a command. */
export type Outcome<M extends UnaryMethod = UnaryMethod> =
  | { readonly kind: 'accepted'; readonly response: MessageShape<M['output']> }
  /** The receiver will not do it, however often it is asked. */
  | { readonly kind: 'refused'; readonly reason: string; readonly detail: string }
  /** Nobody knows yet: it may have been done. Ask again with the same command id. */
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Thrown by a handler that will not do what it is asked. Everything it changed is taken back, and the caller is told why, now and ever after. */
export class Refusal extends Error {
  override name = 'Refusal';
  /** For people, in one sentence. */
  readonly detail: string;

  /**
   * @param reason for programs, in UPPER_SNAKE_CASE
   * @throws TypeError if the reason is not written like that
   */
  constructor(
    readonly reason: string,
    detail: string,
  ) {
    super(`${requireReason(reason)}: ${detail}`);
    this.detail = plainText(detail);
  }
}

/** Thrown by a handler that cannot tell yet (it waits for an event, say). Nothing is kept, and the caller asks again later. */
export class NotYet extends Error {
  override name = 'NotYet';
  readonly detail: string;

  /**
   * @param reason for programs, in UPPER_SNAKE_CASE
   * @throws TypeError if the reason is not written like that
   */
  constructor(
    readonly reason: string,
    detail: string,
  ) {
    super(`${requireReason(reason)}: ${detail}`);
    this.detail = plainText(detail);
  }
}

function requireReason(reason: string): string {
  if (REASON.test(reason)) return reason;
  throw new TypeError(`"${reason}" is no reason; write it like SHIPMENT_ALREADY_DISPATCHED.`);
}
