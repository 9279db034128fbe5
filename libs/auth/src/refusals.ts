import type { Scope } from './scopes';

/** The caller did not say who they are, or not in a way that can be believed. The message is safe to send back. */
export class UnauthenticatedError extends Error {
  override name = 'UnauthenticatedError';
}

/** The caller is known and may not do this. */
export class ForbiddenError extends Error {
  override name = 'ForbiddenError';
  constructor(readonly missing: readonly Scope[]) {
    super(`This needs a token with the scope ${missing.join(' and ')}.`);
  }
}

/** Nobody can tell at the moment whether a token is good: the issuer's keys cannot be had. */
export class IssuerUnavailableError extends Error {
  override name = 'IssuerUnavailableError';
}
