import { trace } from '@opentelemetry/api';
import { newId } from '@past-tense/envelope';
import { inFlow, SEARCHABLE, type Flow, type Logger } from '@past-tense/telemetry';
import type { NextFunction, Request, Response } from 'express';

export interface RequestInFlow extends Request {
  flow: Flow;
  /** Why the token that was sent is not believed. */
  refusedToken?: Error | undefined;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
const QUIET = /^\/(health|docs|openapi\.json|metrics)/;

/** Begins the flow of a request: with the caller's `X-Correlation-Id` if it is a UUID, with a new one otherwise. */
export function beginFlow(logger: Logger) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const startedAt = performance.now();
    const given = request.header('x-correlation-id');
    const flow: Flow = { correlationId: given && UUID.test(given) ? given.toLowerCase() : newId(), causationId: newId() };
    (request as RequestInFlow).flow = flow;
    response.setHeader('X-Correlation-Id', flow.correlationId);
    trace.getActiveSpan()?.setAttribute(SEARCHABLE.correlationId, flow.correlationId);
    if (!QUIET.test(request.path)) {
      response.on('finish', () =>
        inFlow(flow, () =>
          logger.info(
            { method: request.method, path: request.path, status: response.statusCode, ms: Math.round(performance.now() - startedAt) },
            `answered ${request.method} ${request.path}`,
          ),
        ),
      );
    }
    next();
  };
}

/** Enters the flow. After the body is read, because reading it leaves the context in which a handler before it ran. */
export function enterFlow(request: Request, _response: Response, next: NextFunction): void {
  inFlow((request as RequestInFlow).flow, next);
}
