import type { Transaction } from '@past-tense/database';
import { status } from '@grpc/grpc-js';
import { createHash } from 'node:crypto';
import { Refusal } from './outcome';
import { REASONS, StatusError } from './status';

/** A reply that is given for good, however often the same command comes. */
export type Reply =
  | { readonly kind: 'accepted'; readonly response: Uint8Array }
  | { readonly kind: 'refused'; readonly reason: string; readonly detail: string };

/** What makes two calls the same command. */
export interface CommandKey {
  readonly caller: string;
  readonly commandId: string;
  readonly method: string;
  /** The request, encoded by us. */
  readonly request: Uint8Array;
}

interface StoredRow {
  readonly method: string;
  readonly fingerprint: Buffer;
  readonly response: Buffer | null;
  readonly refusal_reason: string | null;
  readonly refusal_detail: string | null;
}

// Any number will do as long as every instance takes the same one; it keeps these locks apart from other advisory locks.
const LOCK_SEED = 7_278_466;

const claim = {
  name: 'answered-commands-claim',
  text: `SELECT set_config('statement_timeout', $1, true), pg_try_advisory_xact_lock(hashtextextended($2, ${LOCK_SEED})) AS claimed`,
};
const find = {
  name: 'answered-commands-find',
  text: 'SELECT method, fingerprint, response, refusal_reason, refusal_detail FROM answered_commands WHERE caller = $1 AND command_id = $2',
};
const store = {
  name: 'answered-commands-store',
  text: `INSERT INTO answered_commands (caller, command_id, method, fingerprint, response, refusal_reason, refusal_detail, on_behalf_of)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
};
const before = { name: 'answered-commands-before', text: 'SAVEPOINT before_handling' };
const takeBack = { name: 'answered-commands-take-back', text: 'ROLLBACK TO SAVEPOINT before_handling' };

/** Deletes replies that nobody will ask for again: a sender gives a command up long before. */
export const removeOldReplies = {
  name: 'answered-commands-remove-old',
  text: `DELETE FROM answered_commands WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM answered_commands WHERE answered_at < now() - interval '30 days' LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1`,
};

/**
 * Claims a command until the end of the transaction, and bounds every statement in it.
 * @param timeoutMs milliseconds that a statement may take
 * @returns false if the same command is being carried out at this moment, here or elsewhere
 */
export async function claimCommand(transaction: Transaction, { caller, commandId }: CommandKey, timeoutMs: number): Promise<boolean> {
  const rows = await transaction.query<{ claimed: boolean }>(claim, [String(timeoutMs), `${caller} ${commandId}`]);
  return rows[0]!.claimed;
}

/**
 * The reply that was given to a command before. Only for whoever has claimed it.
 * @throws StatusError if the command id was used for something else
 */
export async function findReply(transaction: Transaction, { caller, commandId, method, request }: CommandKey): Promise<Reply | undefined> {
  const [row] = await transaction.query<StoredRow>(find, [caller, commandId]);
  if (!row) return undefined;
  if (row.method !== method || !row.fingerprint.equals(fingerprintOf(request)))
    throw new StatusError(
      status.ALREADY_EXISTS,
      REASONS.commandIdReused,
      'This command id was used before for another command; every command needs an id of its own.',
    );
  if (row.response) return { kind: 'accepted', response: row.response };
  return { kind: 'refused', reason: row.refusal_reason!, detail: row.refusal_detail! };
}

/** Runs `work`; if it refuses, takes back what it changed and returns the refusal. Any other error is thrown on. */
export async function replyOf(transaction: Transaction, work: () => Promise<Uint8Array>): Promise<Reply> {
  await transaction.query(before);
  try {
    return { kind: 'accepted', response: await work() };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    await transaction.query(takeBack);
    return { kind: 'refused', reason: error.reason, detail: error.detail };
  }
}

/** Keeps a reply, in the transaction of the effects. */
export async function keepReply(transaction: Transaction, key: CommandKey, reply: Reply, onBehalfOf: string | undefined): Promise<void> {
  const refusal = reply.kind === 'refused' ? reply : undefined;
  await transaction.query(store, [
    key.caller,
    key.commandId,
    key.method,
    fingerprintOf(key.request),
    reply.kind === 'accepted' ? Buffer.from(reply.response) : null,
    refusal?.reason ?? null,
    refusal?.detail ?? null,
    onBehalfOf ?? null,
  ]);
}

/** Stands for a request without keeping it: it may say something about a person. */
function fingerprintOf(request: Uint8Array): Buffer {
  return createHash('sha256').update(request).digest();
}
