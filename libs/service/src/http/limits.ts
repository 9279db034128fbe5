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
const NEVER_REFUSED = /^\/(health|metrics)(\/|$)/;

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
  let inFlight = 0;
  return (request: Request & RequestWithPrincipal, response: Response, next: NextFunction): void => {
    if (NEVER_REFUSED.test(request.path)) return next();
    if (inFlight >= HTTP_MAX_IN_FLIGHT) return next(tooMany('The service has its hands full.', 1_000));
    inFlight += 1;
    response.once('close', () => {
      inFlight -= 1;
    });
    limiter.consume(request.principal?.subject ?? request.ip ?? 'unknown').then(
      () => next(),
      (refused: unknown) =>
        next(
          refused instanceof RateLimiterRes ? tooMany('These are more requests than one caller may make.', refused.msBeforeNext) : refused,
        ),
    );
  };
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
