import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { accessOf, requireAccess, type RequestWithPrincipal, type TokenVerifier } from '@past-tense/auth';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { RequestInFlow } from './flow.middleware';

const BEARER = /^Bearer +([\w.~+/-]+=*) *$/i;

/** Finds out who calls, from the bearer token (RFC 6750). Whether that is enough is for each endpoint to say. */
export function authenticate(verifier: TokenVerifier): RequestHandler {
  return (request: Request & RequestWithPrincipal, _response: Response, next: NextFunction): void => {
    const { authorization } = request.headers;
    if (!authorization) return next();
    verifier.verify(BEARER.exec(authorization)?.[1] ?? '').then(
      (principal) => {
        request.principal = principal;
        next();
      },
      (error: unknown) => {
        (request as unknown as RequestInFlow).refusedToken = error as Error;
        next();
      },
    );
  };
}

/** Lets through who may: what the endpoint asks for is written above it, and an endpoint that says nothing is closed. */
@Injectable()
export class AccessGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    // Calls on other channels are checked where they come in.
    if (context.getType() !== 'http') return true;
    const access = accessOf(context.getHandler(), context.getClass());
    const { refusedToken, principal } = context.switchToHttp().getRequest<RequestInFlow & RequestWithPrincipal>();
    if (refusedToken && !(access && 'open' in access)) throw refusedToken;
    requireAccess(access, principal);
    return true;
  }
}
