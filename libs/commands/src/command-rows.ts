import type { Database, Transaction } from '@past-tense/database';
import type { TraceHeaders } from '@past-tense/telemetry';

/** A command that is due, as it was requested. */
export interface CommandRow {
  readonly id: string;
  readonly method: string;
  /** As bytes; sealed if it is about a person. */
  readonly request: Buffer;
  readonly person: string | null;
  readonly subject: string;
  readonly correlation_id: string;
  readonly causation_id: string | null;
  readonly traceparent: string | null;
  readonly tracestate: string | null;
  readonly on_behalf_of: string | null;
  readonly attempts: number;
  readonly expires_at: Date;
  /** By the clock of the database, which all instances share. */
  readonly expired: boolean;
}

interface NewCommand {
  readonly id: string;
  readonly method: string;
  readonly request: Uint8Array;
  readonly person: string | undefined;
  readonly subject: string;
  readonly correlationId: string;
  readonly causationId: string | undefined;
  readonly trace: TraceHeaders | undefined;
  readonly onBehalfOf: string | undefined;
  readonly expiryMs: number;
}

const add = {
  name: 'commands-add',
  text: `INSERT INTO commands (id, method, request, subject, correlation_id, causation_id, traceparent, tracestate, on_behalf_of, expires_at, person)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $10 * interval '1 millisecond', $11)`,
};

/**
 * Takes commands that are due and leaves them alone for 15 seconds, longer than an attempt lasts: after that, whoever took them was killed.
 * A command waits for the one before it about the same subject, so that two changes of an address arrive in the order they were asked for.
 * That order is the database's: ids are made from the clocks of the instances, which differ by a few milliseconds.
 */
export const takeCommands = {
  name: 'commands-take',
  text: `UPDATE commands SET attempts = attempts + 1, next_attempt_at = now() + interval '15 seconds'
         WHERE id = ANY (ARRAY(
           SELECT id FROM commands AS due
           WHERE answered_at IS NULL AND next_attempt_at <= now()
             AND NOT EXISTS (SELECT 1 FROM commands AS earlier WHERE earlier.subject = due.subject AND earlier.seq < due.seq AND earlier.answered_at IS NULL)
           ORDER BY next_attempt_at LIMIT $1 FOR UPDATE SKIP LOCKED))
         RETURNING id, method, request, subject, correlation_id, causation_id, traceparent, tracestate, on_behalf_of, attempts, expires_at, person,
           expires_at <= now() AS expired`,
};
const putOff = {
  name: 'commands-put-off',
  text: `UPDATE commands SET next_attempt_at = least(now() + $2 * interval '1 millisecond', expires_at) WHERE id = $1 AND answered_at IS NULL`,
};
// What was asked is not kept: it may say something about a person, and nobody needs it any more.
const settle = {
  name: 'commands-settle',
  text: `UPDATE commands SET answered_at = now(), outcome = $2, reason = $3, detail = $4, request = ''
         WHERE id = $1 AND answered_at IS NULL RETURNING 1`,
};

/** Deletes commands that were settled 30 days ago. */
export const removeOldCommands = {
  name: 'commands-remove-old',
  text: `DELETE FROM commands WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM commands WHERE answered_at < now() - interval '30 days' LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1`,
};

/** Adds a command that is due at once. */
export async function addCommand(transaction: Transaction, command: NewCommand): Promise<void> {
  await transaction.query(add, [
    command.id,
    command.method,
    Buffer.from(command.request),
    command.subject,
    command.correlationId,
    command.causationId ?? null,
    command.trace?.traceparent ?? null,
    command.trace?.tracestate ?? null,
    command.onBehalfOf ?? null,
    command.expiryMs,
    command.person ?? null,
  ]);
}

/** Makes a command due again in `ms` milliseconds, or when it expires. */
export async function putOffCommand(database: Database, id: string, ms: number): Promise<void> {
  await database.query(putOff, [id, ms]);
}

/** Writes down what became of a command: true for the first to do so. */
export async function settleCommand(
  transaction: Transaction,
  id: string,
  outcome: { readonly kind: string; readonly reason?: string; readonly detail?: string },
): Promise<boolean> {
  const rows = await transaction.query(settle, [id, outcome.kind, outcome.reason ?? null, outcome.detail ?? null]);
  return rows.length === 1;
}
