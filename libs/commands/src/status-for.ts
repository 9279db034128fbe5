import { status } from '@grpc/grpc-js';
import { IssuerUnavailableError, UnauthenticatedError } from '@past-tense/auth';
import { isConflict, isDatabaseUnavailable } from '@past-tense/database';
import { KeyStoreUnavailableError } from '@past-tense/privacy';
import { NotYet } from './outcome';
import { REASONS, StatusError, TOO_LATE } from './status';

// PostgreSQL ends a statement that takes longer than the call has left.
const STATEMENT_TIMEOUT = '57014';

/** The status for an error that ended a call. Nothing of an error that is not meant for the caller gets into it; it stays as the cause. */
export function statusErrorFor(error: unknown, deadline: number): StatusError {
  const withCause = (code: status, reason: string, message: string) => new StatusError(code, reason, message, [], { cause: error });
  if (error instanceof StatusError) return error;
  if (error instanceof UnauthenticatedError) return new StatusError(status.UNAUTHENTICATED, REASONS.unauthenticated, error.message);
  if (error instanceof NotYet) return new StatusError(status.UNAVAILABLE, error.reason, error.detail);
  if (Date.now() >= deadline || (error as { code?: unknown } | undefined)?.code === STATEMENT_TIMEOUT)
    return withCause(status.DEADLINE_EXCEEDED, REASONS.deadlineExceeded, TOO_LATE);
  if (error instanceof IssuerUnavailableError)
    return withCause(
      status.UNAVAILABLE,
      REASONS.issuerUnavailable,
      'Nobody can tell at the moment whether the token is good; ask again later.',
    );
  if (isConflict(error))
    return withCause(status.UNAVAILABLE, REASONS.conflict, 'The command lost against another one at the same moment; ask again.');
  if (isDatabaseUnavailable(error) || error instanceof KeyStoreUnavailableError)
    return withCause(status.UNAVAILABLE, REASONS.databaseUnavailable, 'The receiver cannot work at the moment; ask again later.');
  return withCause(status.INTERNAL, REASONS.internal, 'The receiver failed; its log says why.');
}
