import { Controller, Get, Req, Res, type Type } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Allow, Caller, mayActFor, type Principal, type Scope } from '@past-tense/auth';
import { Answers, Problem, Problems, UuidParam, UuidPath } from '@past-tense/service';
import type { Request, Response } from 'express';
import { rankOf, type Job } from '../job';
import { Jobs } from '../jobs';
import { JobStreams } from './job-streams';
import { jobSchema, viewOf, type JobView } from './job-view';
import { LAST_EVENT_ID, lastEventId } from './server-sent-events';
import { POLL_AGAIN_S } from './http-answer';

type SchemaObject = NonNullable<Extract<Parameters<typeof ApiResponse>[0], { content?: unknown }>['content']>[string]['schema'];

const REFUSALS = {
  400: 'The id is not a UUID.',
  401: 'The token is missing or not good.',
  403: 'The token does not allow this.',
  404: 'There is no such job, or it is not yours.',
};
const text = { type: 'string' } as const;
/** A stream has as many of these as it has events. */
const oneEvent: SchemaObject = {
  type: 'object',
  properties: {
    id: { ...text, enum: ['1', '2', '3'] },
    event: { ...text, enum: ['job'] },
    data: { ...text, description: 'The job, as JSON.' },
  },
};
const jobHeaders = {
  ETag: { description: 'Changes with the status.', schema: text },
  'Cache-Control': { description: '`private, no-cache`', schema: text },
  'Retry-After': { description: 'Seconds after which to look again; while the job has not ended.', schema: { type: 'integer' } as const },
};

/**
 * The endpoints that show jobs.
 * @param subjectName what the service calls the id of what a job is about, such as `orderId`
 * @param scope what a caller's token must allow
 */
export function jobsController(subjectName: string, scope: Scope): Type {
  const schema = jobSchema(subjectName);
  const show = (job: Job): JobView => viewOf(job, subjectName);

  @ApiTags('jobs')
  @Controller('jobs')
  @Allow(scope)
  class JobsController {
    constructor(
      private readonly jobs: Jobs,
      private readonly streams: JobStreams,
    ) {}

    @Get(':jobId')
    @ApiOperation({
      summary: 'See what has become of a request',
      description: 'The status only moves on. `/jobs/{jobId}/events` tells changes as they happen.',
    })
    @UuidPath('jobId', 'The job.')
    @ApiHeader({ name: 'If-None-Match', required: false, description: 'The ETag of the answer you have.' })
    @Answers(200, 'The job as it is now.', schema)
    @ApiResponse({ status: 200, headers: jobHeaders })
    @Answers(304, 'The job is as you have it.')
    @ApiResponse({ status: 304, headers: jobHeaders })
    @Problems(REFUSALS)
    async get(
      @UuidParam('jobId') jobId: string,
      @Caller() caller: Principal,
      @Req() request: Request,
      @Res({ passthrough: true }) response: Response,
    ): Promise<JobView | undefined> {
      const job = await this.#visible(jobId, caller);
      const etag = `"${job.id}-${rankOf(job.status)}"`;
      response.set({ ETag: etag, 'Cache-Control': 'private, no-cache' });
      if (!job.endedAt) response.set('Retry-After', POLL_AGAIN_S);
      if (!isKnown(etag, request.header('if-none-match'))) return show(job);
      response.status(304);
      return undefined;
    }

    @Get(':jobId/events')
    @ApiOperation({
      summary: 'Hear of the changes of a job',
      description:
        'Server-sent events (WHATWG HTML), one for each status: `id` 1 PENDING, 2 RUNNING, 3 ended; `event: job`; `data` is the job as it ' +
        'was then. The stream ends after event 3. It also ends now and then before that: come back with `Last-Event-ID`.',
    })
    @UuidPath('jobId', 'The job.')
    @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'The last event you have; what came after it is sent.' })
    @ApiResponse({
      status: 200,
      description: 'The events that you do not have, and those to come.',
      content: { 'text/event-stream': { schema: oneEvent } },
      headers: { 'Cache-Control': { description: '`no-store`', schema: text } },
    })
    @Answers(204, 'You have every event, and there will be no more: do not come back.')
    @Problems(REFUSALS)
    @Problems({ 429: 'Too many streams are open.' })
    @ApiResponse({ status: 429, headers: { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } } })
    async events(
      @UuidParam('jobId') jobId: string,
      @Caller() caller: Principal,
      @Req() request: Request,
      @Res() response: Response,
    ): Promise<void> {
      const job = await this.#visible(jobId, caller);
      const after = lastEventId(request.header('last-event-id'), job);
      if (after === LAST_EVENT_ID) response.status(204).set('Cache-Control', 'no-store').end();
      else this.streams.open(job, after, response, { head: request.method === 'HEAD', show });
    }

    /** Somebody else's job is answered like one that does not exist: whether it exists is nobody else's business. */
    async #visible(jobId: string, caller: Principal): Promise<Job> {
      const job = await this.jobs.find(jobId);
      if (!job || !mayActFor(caller, job.owner)) throw new Problem(404, 'job-not-found', 'Job not found', `There is no job ${jobId}.`);
      return job;
    }
  }

  return JobsController;
}

/**
 * Whether a client has what an ETag stands for (If-None-Match; RFC 9110, 13.1.2). Express decides that as well, but differently for a
 * client that also sends `Cache-Control: no-cache`, as fetch does with every If-None-Match.
 */
function isKnown(etag: string, ifNoneMatch = ''): boolean {
  return ifNoneMatch.trim() === '*' || ifNoneMatch.split(',').some((known) => known.trim().replace(/^W\//, '') === etag);
}
