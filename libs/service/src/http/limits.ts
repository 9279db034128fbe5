import type { RequestWithPrincipal } from '@past-tense/auth';
import { json, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import type { IncomingMessage, Server } from 'node:http';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { HttpSettings } from '../settings';
import { Problem } from './problem';

/** A request whose body is kept as it came, for whoever has to check a signature over it. */
export interface RequestWithRawBody extends IncomingMessage {
  rawBody?: Buffer;
}

const MAX_HEADERS = 100;
const MAX_DEPTH = 32;
const KEEP_ALIVE_MS = 65_000;
const NEVER_REFUSED = new Set(['/health/live', '/health/ready', '/metrics']);
// Of what the service can take at once: one caller cannot use up what all share.
const SHARE_OF_ONE = 0.25;

/** Ends what takes too long to arrive, whoever sends it: node answers 408 by itself. */
export function limitConnections(server: Server, { HTTP_REQUEST_TIMEOUT_MS }: HttpSettings): void {
  server.requestTimeout = HTTP_REQUEST_TIMEOUT_MS;
  server.headersTimeout = HTTP_REQUEST_TIMEOUT_MS / 2;
  // Longer than the minute for which proxies keep theirs, so that a connection is not closed under a request that is on its way.
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxHeadersCount = MAX_HEADERS;
  // Node looks twice a minute by default, and the limits above would be as long as that.
  Object.assign(server, { connectionsCheckingInterval: Math.min(1_000, HTTP_REQUEST_TIMEOUT_MS / 4) });
}

/** Refuses what is more than the service can take at once, and what is more than one caller may ask. */
export function limitRequests({ HTTP_MAX_IN_FLIGHT, RATE_LIMIT_PER_SECOND }: HttpSettings): RequestHandler {
  const limiter = new RateLimiterMemory({ points: RATE_LIMIT_PER_SECOND, duration: 1 });
  const mostOfOne = Math.max(1, Math.ceil(HTTP_MAX_IN_FLIGHT * SHARE_OF_ONE));
  const inFlight = new Map<string, number>();
  let all = 0;
  return (request: Request & RequestWithPrincipal, response: Response, next: NextFunction): void => {
    // Whoever watches the service must hear from it when it has its hands full, most of all then.
    if (request.method === 'GET' && NEVER_REFUSED.has(request.path)) return next();
    const caller = callerOf(request);
    const own = inFlight.get(caller) ?? 0;
    if (all >= HTTP_MAX_IN_FLIGHT) return next(tooMany('The service has its hands full.', 1_000));
    if (own >= mostOfOne) return next(tooMany('These are more requests at once than one caller may make.', 1_000));
    all += 1;
    inFlight.set(caller, own + 1);
    response.once('close', () => {
      all -= 1;
      const left = inFlight.get(caller)! - 1;
      if (left === 0) inFlight.delete(caller);
      else inFlight.set(caller, left);
    });
    limiter.consume(caller).then(
      () => next(),
      (refused: unknown) =>
        next(
          refused instanceof RateLimiterRes ? tooMany('These are more requests than one caller may make.', refused.msBeforeNext) : refused,
        ),
    );
  };
}

/** A caller without a token is known by their address, and one who signs in another way must not pay for what strangers do. */
function callerOf(request: Request & RequestWithPrincipal): string {
  if (request.principal) return `subject ${request.principal.subject}`;
  return `${request.headers['webhook-signature'] === undefined ? 'address' : 'signing address'} ${request.ip}`;
}

/** Reads a JSON body of bounded size. */
export function readBody({ HTTP_MAX_BODY_BYTES }: HttpSettings): RequestHandler[] {
  return [
    json({
      limit: HTTP_MAX_BODY_BYTES,
      type: ['application/json', 'application/*+json'],
      verify: (request: RequestWithRawBody, _response, buffer) => {
        request.rawBody = buffer;
      },
    }),
    (request: Request & RequestWithRawBody, _response, next) => {
      const sent = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
      if (sent && request.rawBody && isDeeperThan(MAX_DEPTH, request.body))
        return next(
          new Problem(400, 'invalid-request', 'The request is not valid', `The body is nested more than ${MAX_DEPTH} levels deep.`),
        );
      if (!sent || request.rawBody) return next();
      next(new Problem(415, 'unsupported-media-type', 'Unsupported media type', 'The body must be application/json.'));
    },
  ];
}

/** Level by level, because walking down would end the stack of whoever does it: this one first, and then everybody after. */
function isDeeperThan(most: number, value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > most) return true;
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? (Object.values(one) as unknown[]) : []));
  }
  return false;
}

function tooMany(sentence: string, waitMs: number): Problem {
  return new Problem(429, 'too-many-requests', 'Too many requests', `${sentence} Try again in a moment.`).with({
    'Retry-After': String(Math.max(1, Math.ceil(waitMs / 1000))),
  });
}
