import { SetMetadata, type CustomDecorator } from '@nestjs/common';
import { UnauthenticatedError, ForbiddenError } from './refusals';
import type { Principal } from './principal';
import type { Scope } from './scopes';

/** What an endpoint asks of whoever calls it. */
export type Access = { readonly scopes: readonly Scope[] } | { readonly open: string };

const ACCESS = Symbol('access');

/** The caller needs a token with all of these scopes. On a method, or on a class for all of its methods. */
export const Allow = (...scopes: [Scope, ...Scope[]]): CustomDecorator<symbol> => SetMetadata(ACCESS, { scopes } satisfies Access);

/** Anybody may call. The reason is for whoever reads the code. */
export const OpenToAll = (reason: string): CustomDecorator<symbol> => SetMetadata(ACCESS, { open: reason } satisfies Access);

/** What an endpoint asks for, or undefined if it does not say: the method goes before its class. */
export function accessOf(handler: Function, controller: Function): Access | undefined {
  return (Reflect.getMetadata(ACCESS, handler) ?? Reflect.getMetadata(ACCESS, controller)) as Access | undefined;
}

/**
 * Refuses a caller who may not.
 * @throws UnauthenticatedError if nobody is known; ForbiddenError naming the missing scopes; Error if the endpoint does not say what it asks for
 */
export function requireAccess(access: Access | undefined, principal: Principal | undefined): void {
  // What says nothing is closed: forgetting a line must not open a door.
  if (!access) throw new Error('An endpoint does not say who may call it; put @Allow(<scope>) or @OpenToAll(<reason>) above it.');
  if ('open' in access) return;
  if (!principal) throw new UnauthenticatedError('This needs a token: send it as "Authorization: Bearer <token>".');
  const missing = access.scopes.filter((scope) => !principal.scopes.has(scope));
  if (missing.length > 0) throw new ForbiddenError(missing);
}
