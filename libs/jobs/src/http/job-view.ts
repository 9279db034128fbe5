import { z } from 'zod';
import type { Job } from '../job';

const time = z.iso.datetime();

/**
 * A job as its owner sees it.
 * @param subjectName what the service calls the id of what a job is about, such as `orderId`
 */
export function jobSchema(subjectName: string) {
  return z.object({
    jobId: z.uuid(),
    kind: z.string().describe('What was asked for, such as `place-order`.'),
    status: z.enum(['PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED']).describe('It only moves on: PENDING, RUNNING, then one of the others.'),
    correlationId: z.uuid(),
    [subjectName]: z.uuid().describe('What the job is about.'),
    createdAt: time,
    startedAt: time.optional(),
    endedAt: time.optional(),
    result: z.record(z.string(), z.unknown()).optional().describe('Of a job that succeeded.'),
    failure: z
      .object({
        code: z.string().describe('Stable name of what went wrong.'),
        detail: z.string().describe('One sentence about this case.'),
        action: z.string().describe('What you can do about it.'),
      })
      .optional()
      .describe('Of a job that failed.'),
  });
}

export type JobView = z.infer<ReturnType<typeof jobSchema>>;

/** Shows a job to its owner. */
export function viewOf(job: Job, subjectName: string): JobView {
  return {
    jobId: job.id,
    kind: job.kind,
    status: job.status,
    correlationId: job.correlationId,
    [subjectName]: job.subject,
    createdAt: job.createdAt.toISOString(),
    startedAt: job.startedAt?.toISOString(),
    endedAt: job.endedAt?.toISOString(),
    result: job.result,
    failure: job.failure,
  };
}
