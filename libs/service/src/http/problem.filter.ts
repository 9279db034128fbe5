import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { ForbiddenError, IssuerUnavailableError, UnauthenticatedError } from '@past-tense/auth';
import { isDatabaseUnavailable } from '@past-tense/database';
import { KeyStoreUnavailableError, MasterKeyMissingError, PersonForgottenError } from '@past-tense/privacy';
import { inFlow, type Logger } from '@past-tense/telemetry';
import type { Response } from 'express';
import { STATUS_CODES } from 'node:http';
import type { RequestInFlow } from './flow.middleware';
import { Problem, type ProblemDocument } from './problem';

const MEDIA_TYPE = 'application/problem+json';

/** Turns every error into a problem document. What nobody foresaw is logged and told to nobody. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<RequestInFlow>();
    const response = http.getResponse<Response>();
    const problem = this.#problemOf(error, request);
    if (response.headersSent) {
      response.end();
      return;
    }
    const document: ProblemDocument = { ...problem, instance: request.path, correlationId: request.flow.correlationId };
    for (const [name, value] of Object.entries(this.#headersOf(error, problem, request))) response.setHeader(name, value);
    response.status(problem.status).type(MEDIA_TYPE).send(JSON.stringify(document));
  }

  #headersOf(error: unknown, { status }: ProblemDocument, request: RequestInFlow): Readonly<Record<string, string>> {
    if (error instanceof Problem) return error.headers;
    // https://www.rfc-editor.org/rfc/rfc6750#section-3
    if (error instanceof ForbiddenError)
      return { 'WWW-Authenticate': `Bearer error="insufficient_scope", scope="${error.missing.join(' ')}"` };
    if (error instanceof UnauthenticatedError)
      return {
        'WWW-Authenticate': request.refusedToken
          ? `Bearer error="invalid_token", error_description="${error.message.replaceAll('"', "'")}"`
          : 'Bearer',
      };
    if (status === 503) return { 'Retry-After': '1' };
    return {};
  }

  #problemOf(error: unknown, request: RequestInFlow): ProblemDocument {
    if (error instanceof Problem) return error.getResponse() as ProblemDocument;
    if (error instanceof UnauthenticatedError)
      return { type: 'urn:past-tense:problem:unauthenticated', title: 'Unauthenticated', status: 401, detail: error.message };
    if (error instanceof ForbiddenError)
      return { type: 'urn:past-tense:problem:forbidden', title: 'Forbidden', status: 403, detail: error.message };
    if (error instanceof PersonForgottenError)
      return { type: 'urn:past-tense:problem:person-forgotten', title: 'Person forgotten', status: 409, detail: `${error.message}.` };
    const status = statusOf(error);
    if (status < 500) return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail: detailOf(status, request) };
    inFlow(request.flow, () => this.logger.error({ err: error }, `${request.method} ${request.path} failed`));
    const unavailable = [IssuerUnavailableError, KeyStoreUnavailableError, MasterKeyMissingError].some((kind) => error instanceof kind);
    if (isDatabaseUnavailable(error) || unavailable) {
      return {
        type: 'urn:past-tense:problem:unavailable',
        title: 'Temporarily unavailable',
        status: 503,
        detail: 'The service cannot do this right now. Try again in a moment.',
      };
    }
    return {
      type: 'about:blank',
      title: 'Internal Server Error',
      status: 500,
      detail: 'Something went wrong on our side. The correlation id names the case.',
    };
  }
}

/** Nest's exceptions and those of the body parser both say what they mean by a status. */
function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  const status = (error as { status?: unknown; expose?: unknown } | undefined)?.status;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
}

function detailOf(status: number, request: RequestInFlow): string {
  if (status === 404) return `There is nothing at ${request.method} ${request.path}.`;
  if (status === 400) return 'The body is not JSON that can be read.';
  if (status === 413) return 'The body is too large.';
  if (status === 415) return 'The body must be application/json.';
  return STATUS_CODES[status] ?? 'The request was refused.';
}
