import type { Response } from 'express';
import type { Job, JobStatus } from '../job';

/** An answer to an HTTP request, before it is sent. Its body is sent as JSON. */
export interface HttpAnswer<Body = unknown> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
}

/** What a client is told when its request has become a job. */
export interface Accepted {
  readonly jobId: string;
  readonly correlationId: string;
  readonly status: JobStatus;
}

/** Seconds after which a client looks at a job again. */
export const POLL_AGAIN_S = '1';

/** The answer 202 to a request that has become a job (RFC 9110, 15.3.3): where to look, and when. */
export function jobAccepted({ id, correlationId, status }: Job): HttpAnswer<Accepted> {
  return {
    status: 202,
    headers: { Location: `/jobs/${id}`, 'Retry-After': POLL_AGAIN_S },
    body: { jobId: id, correlationId, status },
  };
}

/** Sets status and headers of an answer; the controller returns the body. For `@Res({ passthrough: true })`. */
export function answerWith<Body>(response: Response, { status, headers, body }: HttpAnswer<Body>): Body {
  response.status(status).set(headers);
  return body;
}
