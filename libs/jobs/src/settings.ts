import { wholeNumber } from '@past-tense/config';
import type { z } from 'zod';

/** Settings of a service that has jobs: `messagingSettings(port).extend(jobsSettings)`. */
export const jobsSettings = {
  /** Milliseconds from its creation after which a job that has not ended fails with `timed-out`. */
  JOB_TIMEOUT_MS: wholeNumber(3_600_000, { min: 100, max: 2_592_000_000 }),
  /** Streams of job changes that an instance keeps open at once. */
  JOB_STREAMS_MAX: wholeNumber(300, { min: 1, max: 100_000 }),
  /** Milliseconds between two signs of life on a stream. Shorter than what any proxy on the way takes for silence. */
  JOB_STREAM_HEARTBEAT_MS: wholeNumber(15_000, { min: 50, max: 300_000 }),
  /** Milliseconds after which a stream is closed; the client resumes it, and its token is looked at again. */
  JOB_STREAM_LIFE_MS: wholeNumber(300_000, { min: 100, max: 3_600_000 }),
  /** Hours for which an answer is kept under its Idempotency-Key. */
  IDEMPOTENCY_TTL_HOURS: wholeNumber(24, { min: 24, max: 8_760 }),
};

export type JobsSettings = z.infer<z.ZodObject<typeof jobsSettings>>;
