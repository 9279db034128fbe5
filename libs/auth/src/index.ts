export { accessOf, Allow, OpenToAll, requireAccess, type Access } from './access';
export { Caller, type RequestWithPrincipal } from './caller';
export { DEVELOPMENT_KEY, DEVELOPMENT_MARK } from './issuer';
export { mayActFor, mayActForAll, type Principal } from './principal';
export { ForbiddenError, IssuerUnavailableError, UnauthenticatedError } from './refusals';
export { SCOPES, type Scope } from './scopes';
export { ServiceToken, type ServiceTokenOptions } from './service-token';
export { TokenVerifier, type VerifierOptions } from './token-verifier';
