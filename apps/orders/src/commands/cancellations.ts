import { Injectable } from '@nestjs/common';
import { Commands } from '@past-tense/commands';
import { CancelShipment } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { Jobs, type Job } from '@past-tense/jobs';
import { currentFlow } from '@past-tense/telemetry';
import { OrderRepository, type KnownOrder } from '../storage/order.repository';

/** Asks shipping to call parcels off, so that their orders can be cancelled. */
@Injectable()
export class Cancellations {
  constructor(
    private readonly orders: OrderRepository,
    private readonly jobs: Jobs,
    private readonly commands: Commands,
  ) {}

  /**
   * Requests that an order is cancelled. Asking again while that is being worked on is asking once.
   * @param known the order, locked in the transaction
   * @param onBehalfOf who wants it
   * @returns the job that tells what becomes of it
   */
  async request(transaction: Transaction, known: KnownOrder, onBehalfOf: string): Promise<Job> {
    return (await this.#underWay(transaction, known)) ?? (await this.#begin(transaction, known, onBehalfOf));
  }

  /** The job of an earlier request that has not ended. */
  async #underWay(transaction: Transaction, { cancellationJobId }: KnownOrder): Promise<Job | undefined> {
    const job = cancellationJobId ? await this.jobs.find(cancellationJobId, transaction) : undefined;
    return job?.endedAt ? undefined : job;
  }

  async #begin(transaction: Transaction, { order }: KnownOrder, onBehalfOf: string): Promise<Job> {
    const { correlationId } = currentFlow()!;
    const { id: orderId, customerId: owner, status } = order;
    const job = { kind: 'cancel-order', owner, subject: orderId, correlationId };
    if (status === 'cancelled') {
      const created = await this.jobs.create(transaction, { ...job, id: newId() });
      await this.jobs.succeed(transaction, created.id, { orderId, status });
      return created;
    }
    const id = await this.commands.request(transaction, { method: CancelShipment, request: { orderId }, subject: orderId, onBehalfOf });
    await this.orders.noteCancellation(transaction, orderId, id);
    return await this.jobs.create(transaction, { ...job, id });
  }
}
