import { setTimeout as elapsed } from 'node:timers/promises';
import type { LookupFunction } from 'node:net';
import { Agent, request } from 'undici';
import type { Target } from '../targets/targets';

/** What came of a call. The error is one of a few fixed sentences: nobody is to learn from it what a network looks like. */
export type Answer =
  | { readonly ok: true; readonly status: number }
  | { readonly ok: false; readonly error: string; readonly status?: number; readonly retryAfterMs?: number };

const MAX_ANSWER_BYTES = 65_536;
const MAX_HEADER_BYTES = 16_384;
const MAX_RETRY_AFTER_MS = 3_600_000;
// How long an answer may go on after its status.
const MAX_DUMP_MS = 1_000;

/**
 * Calls a target once, at one of the addresses that were checked. Redirects are not followed; the body of the answer is thrown away.
 * @param signal ends the call
 */
export async function post(
  { url, addresses }: Target,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
): Promise<Answer> {
  // An agent of its own: a connection that is kept could belong to an address that is no longer allowed.
  const agent = new Agent({ connect: { lookup: pinned(addresses) }, maxHeaderSize: MAX_HEADER_BYTES });
  try {
    const answer = await request(url, { method: 'POST', dispatcher: agent, headers, body, signal });
    // The status says it all. What becomes of the rest of the answer changes nothing, and it must not take longer than the call may.
    await Promise.race([
      answer.body.dump({ limit: MAX_ANSWER_BYTES, signal }).catch(() => undefined),
      elapsed(MAX_DUMP_MS, undefined, { ref: false }),
    ]);
    return judged(answer.statusCode, answer.headers['retry-after']);
  } catch {
    return { ok: false, error: signal.aborted ? 'timed out' : 'connection failed' };
  } finally {
    await agent.destroy();
  }
}

function judged(status: number, retryAfter: string | string[] | undefined): Answer {
  if (status >= 200 && status <= 299) return { ok: true, status };
  if (status >= 300 && status <= 399) return { ok: false, status, error: 'redirects are not followed' };
  const retryAfterMs = status === 429 || status === 503 ? retryAfterOf(retryAfter) : undefined;
  return { ok: false, status, error: `answered ${status}`, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** Seconds or a date (RFC 9110, section 10.2.3), at most an hour; undefined if it is neither. */
function retryAfterOf(value: string | string[] | undefined): number | undefined {
  if (typeof value !== 'string') return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}

/** Hands out the checked addresses whatever is asked, so that the name cannot mean something else by now. */
function pinned(addresses: Target['addresses']): LookupFunction {
  return (_hostname, options, callback) => {
    if (options.all) callback(null, [...addresses]);
    else callback(null, addresses[0].address, addresses[0].family);
  };
}
