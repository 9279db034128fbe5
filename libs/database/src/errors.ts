// https://www.postgresql.org/docs/18/errcodes-appendix.html
const CONFLICTS = new Set(['40001', '40P01', '55P03']); // serialization failure, deadlock, lock timeout
const UNAVAILABLE_CLASSES = new Set(['08', '57', '58']); // connection, operator intervention (shutdown, cancel), system error
const UNAVAILABLE = new Set(['53300', '53400', '25P03', '25P04']); // too many connections, limits, transaction timeouts
const UNREACHABLE = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
const CLIENT_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Cannot use a pool after calling end|Client was closed/i;

/** The transaction lost against another one; the same work succeeds when it is tried again. */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(codeOf(error));
}

/** The database could not be reached or could not serve: nothing is wrong with what was asked. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const code = codeOf(error);
  if (UNREACHABLE.has(code) || UNAVAILABLE.has(code)) return true;
  if (/^[0-9A-Z]{5}$/.test(code)) return UNAVAILABLE_CLASSES.has(code.slice(0, 2));
  return error instanceof Error && CLIENT_MESSAGES.test(error.message);
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
