import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Principal } from './principal';

/** A request whose caller is known. */
export interface RequestWithPrincipal {
  principal?: Principal | undefined;
}

/** Injects who calls. Only where a scope is asked for: elsewhere nobody may be known. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = context.switchToHttp().getRequest<RequestWithPrincipal>();
  if (!principal) throw new Error('Nobody is known to call; put @Allow(<scope>) above the endpoint.');
  return principal;
});
