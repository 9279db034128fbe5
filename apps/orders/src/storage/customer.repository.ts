import { Injectable } from '@nestjs/common';
import { CustomerForgotten, fact } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { Outbox } from '@past-tense/outbox';
import { PersonalData, PersonForgottenError } from '@past-tense/privacy';
import { Webhooks } from '@past-tense/webhooks';
import { CustomerNeededError } from '../domain/customer.errors';
import { OrderRepository } from './order.repository';

// Placing an order and forgetting its customer wait for each other; otherwise an order could be placed whose address nobody can read.
const share = { name: 'customer-share', text: `SELECT pg_advisory_xact_lock_shared(hashtextextended('customer ' || $1, 0))` };
const lock = { name: 'customer-lock', text: `SELECT pg_advisory_xact_lock(hashtextextended('customer ' || $1, 0))` };
const find = { name: 'customer-forgotten', text: 'SELECT forgotten_at FROM forgotten_customers WHERE customer_id = $1' };
const forget = { name: 'customer-forget', text: 'INSERT INTO forgotten_customers (customer_id, forgotten_at) VALUES ($1, $2)' };

/** What orders knows of customers: their ids, and who was forgotten. */
@Injectable()
export class CustomerRepository {
  constructor(
    private readonly orders: OrderRepository,
    private readonly personal: PersonalData,
    private readonly webhooks: Webhooks,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Sees to it that a customer is not forgotten before the transaction ends.
   * @throws PersonForgottenError if they were
   */
  async hold(transaction: Transaction, customerId: string): Promise<void> {
    await transaction.defer(share, [customerId]);
    if ((await transaction.query(find, [customerId])).length > 0) throw new PersonForgottenError(customerId);
  }

  /**
   * Forgets a customer: deletes what is kept for them here, records the fact for the others, and destroys their keys. Done again, it only makes sure of
   * the keys: they are gone before the transaction is committed, and would be gone if that failed.
   * @returns when they were forgotten
   * @throws CustomerNeededError as long as an order of theirs is not settled
   */
  async forget(transaction: Transaction, customerId: string, now: Date): Promise<Date> {
    await transaction.query(lock, [customerId]);
    const [before] = await transaction.query<{ forgotten_at: Date }>(find, [customerId]);
    if (!before) {
      const unsettled = await this.orders.countUnsettled(transaction, customerId);
      if (unsettled > 0) throw new CustomerNeededError(unsettled);
      await transaction.query(forget, [customerId, now]);
      await this.webhooks.forget(transaction, customerId);
      await this.outbox.append(transaction, fact(CustomerForgotten, { customerId }), 1, now);
    }
    await this.personal.forget(customerId);
    return before?.forgotten_at ?? now;
  }
}
