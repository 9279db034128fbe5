import { Inject, Injectable } from '@nestjs/common';
import { Database, type Statement, type Transaction } from '@past-tense/database';
import { Problem, SETTINGS } from '@past-tense/service';
import type { HttpAnswer } from '../http/http-answer';
import type { JobsSettings } from '../settings';
import { fingerprintOf, hashOf, parseIdempotencyKey } from './idempotency-key';

/** A request that may be sent twice. */
export interface KeyedRequest {
  /** The header `Idempotency-Key` as it came; undefined if there was none. */
  readonly key?: string | undefined;
  readonly method: string;
  readonly path: string;
  /** The body as JSON reads it. */
  readonly body: unknown;
}

interface StoredAnswer {
  fingerprint: Buffer;
  status: number;
  headers: Record<string, string>;
  body: string | null;
}

const HOUR_S = 3_600;

const lock: Statement = { name: 'idempotency-keys-lock', text: 'SELECT pg_try_advisory_xact_lock($1::bigint) AS locked' };
// Not together with the lock: a statement sees what was committed when it began, and the lock may be had only after that.
const find: Statement = {
  name: 'idempotency-keys-find',
  text: 'SELECT fingerprint, status, headers, body FROM idempotency_keys WHERE caller_key = $1 AND expires_at > now()',
};
// A row that is there has expired, and the sweeper has not come by yet.
const keep: Statement = {
  name: 'idempotency-keys-keep',
  text: `INSERT INTO idempotency_keys (caller_key, fingerprint, status, headers, body, expires_at)
         VALUES ($1, $2, $3, $4::jsonb, $5, clock_timestamp() + make_interval(secs => $6::float8))
         ON CONFLICT (caller_key) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status,
           headers = excluded.headers, body = excluded.body, expires_at = excluded.expires_at`,
};

/**
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a request that is sent again gets the answer of the first time and has no
 * second effect. The answer is committed together with the effect, so that there is never the one without the other.
 */
@Injectable()
export class IdempotencyKeys {
  /** What this instance is working on: a client that sends one request fifty times at once must not take every connection of the pool. */
  readonly #working = new Set<string>();

  constructor(
    private readonly database: Database,
    @Inject(SETTINGS) private readonly settings: Pick<JobsSettings, 'IDEMPOTENCY_TTL_HOURS'>,
  ) {}

  /**
   * Does the work of a request in a transaction, once for each key of a caller. If the work throws, nothing is kept and the key can be used
   * again. Without a key, it does the work.
   * @param caller who sends the request; the keys of others are others
   * @throws Problem 400 if the key is not one, 409 while the same key is worked on, 422 if the key was used for another request; and
   *   whatever the work throws
   */
  async once(caller: string, request: KeyedRequest, work: (transaction: Transaction) => Promise<HttpAnswer>): Promise<HttpAnswer> {
    if (request.key === undefined) return this.database.transaction(work);
    const callerKey = hashOf([caller, parseIdempotencyKey(request.key)]);
    const name = callerKey.toString('base64');
    if (this.#working.has(name)) throw inProgress();
    this.#working.add(name);
    try {
      return await this.#once(callerKey, fingerprintOf(request), work);
    } finally {
      this.#working.delete(name);
    }
  }

  async #once(callerKey: Buffer, fingerprint: Buffer, work: (transaction: Transaction) => Promise<HttpAnswer>): Promise<HttpAnswer> {
    return this.database.transaction(async (transaction) => {
      const [attempt] = await transaction.query<{ locked: boolean }>(lock, [callerKey.readBigInt64BE().toString()]);
      if (!attempt!.locked) throw inProgress();
      const [stored] = await transaction.query<StoredAnswer>(find, [callerKey]);
      if (stored) return replay(stored, fingerprint);
      const { status, headers, body } = await work(transaction);
      const text = JSON.stringify(body) as string | undefined;
      const ttl = this.settings.IDEMPOTENCY_TTL_HOURS * HOUR_S;
      await transaction.query(keep, [callerKey, fingerprint, status, JSON.stringify(headers), text, ttl]);
      return { status, headers, body: parsed(text) };
    });
  }
}

function replay({ fingerprint, status, headers, body }: StoredAnswer, asked: Buffer): HttpAnswer {
  if (fingerprint.equals(asked)) return { status, headers: { ...headers, 'Idempotent-Replayed': 'true' }, body: parsed(body) };
  const detail = 'This Idempotency-Key was used for another request. Take a new key for a new request.';
  throw new Problem(422, 'idempotency-key-reused', 'The Idempotency-Key was used before', detail);
}

/** The first answer is read from the text that is stored, too: then the first and every other one are the same. */
function parsed(text: string | null | undefined): unknown {
  return typeof text === 'string' ? (JSON.parse(text) as unknown) : undefined;
}

function inProgress(): Problem {
  const detail = 'A request with this Idempotency-Key is being worked on. Send it again in a moment.';
  return new Problem(409, 'request-in-progress', 'The request is in progress', detail).with({ 'Retry-After': '1' });
}
