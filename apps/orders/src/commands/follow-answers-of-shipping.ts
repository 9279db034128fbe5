import { Injectable } from '@nestjs/common';
import type { CommandOutcomes, SettledCommand } from '@past-tense/commands';
import { CancelShipment } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { Jobs } from '@past-tense/jobs';
import type { FailureCode } from '../jobs/failures';

/** Lets the job of a command follow what shipping answered. The job has the id of its command. */
@Injectable()
export class FollowAnswersOfShipping implements CommandOutcomes {
  constructor(private readonly jobs: Jobs<FailureCode>) {}

  async answered(transaction: Transaction, { commandId: jobId, method, subject: orderId, outcome }: SettledCommand): Promise<void> {
    if (outcome.kind === 'expired') await this.jobs.fail(transaction, jobId, 'shipping-unreachable');
    else if (outcome.kind === 'refused')
      await this.jobs.fail(transaction, jobId, failures.get(outcome.reason) ?? 'refused-by-shipping', outcome.detail);
    // The order is cancelled when shipping's fact has been heard, and then the job has succeeded.
    else if (method === CancelShipment) await this.jobs.start(transaction, jobId);
    else await this.jobs.succeed(transaction, jobId, { orderId });
  }
}

/** The failure of a job, by the reason with which shipping refused. */
const failures = new Map<string, FailureCode>([
  ['SHIPMENT_BEING_HANDED_OVER', 'shipment-not-here'],
  ['SHIPMENT_DISPATCHED', 'shipment-not-here'],
  ['SHIPMENT_DELIVERED', 'shipment-not-here'],
  ['SHIPMENT_REJECTED', 'no-shipment'],
  ['SHIPMENT_CANCELLED', 'no-shipment'],
]);
