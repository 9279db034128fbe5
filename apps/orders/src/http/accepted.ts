import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { Answers } from '@past-tense/service';
import { z } from 'zod';

const accepted = z.object({
  jobId: z.uuid(),
  orderId: z.uuid(),
  correlationId: z.uuid(),
  status: z.enum(['PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED']),
});

/** Documents the answer to a request that becomes a job. */
export const AnswersAccepted = (description: string): MethodDecorator =>
  applyDecorators(
    Answers(202, description, accepted),
    ApiResponse({
      status: 202,
      headers: {
        Location: { description: 'The job: `/jobs/{jobId}`.', schema: { type: 'string' } },
        'Retry-After': { description: 'Seconds after which to look at it.', schema: { type: 'integer' } },
      },
    }),
  );
