import { Injectable } from '@nestjs/common';
import type { Transaction } from '@past-tense/database';
import type { Job, JobListener } from '@past-tense/jobs';
import { Webhooks } from '@past-tense/webhooks';
import type { WebhookEvent } from './events';

/** Tells the owner of a job, in the transaction in which it ends, what came of it. */
@Injectable()
export class AnnounceEndedJobs implements JobListener {
  constructor(private readonly webhooks: Webhooks) {}

  async ended(transaction: Transaction, job: Job): Promise<void> {
    const type: WebhookEvent = job.status === 'SUCCEEDED' ? 'job.succeeded' : 'job.failed';
    const { id: jobId, kind, owner, subject: orderId, correlationId, status, result, failure } = job;
    const data = { jobId, kind, orderId, correlationId, status, result, failure };
    await this.webhooks.announce(transaction, { owner, type, subject: jobId, occurredAt: job.endedAt!, data });
  }
}
