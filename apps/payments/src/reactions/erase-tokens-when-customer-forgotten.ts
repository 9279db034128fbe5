import { Injectable } from '@nestjs/common';
import { CustomerForgotten } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type Event, type Reaction } from '@past-tense/messaging';
import { PaymentRepository } from '../storage/payment.repository';

@Injectable()
@ReactsTo(CustomerForgotten)
export class EraseTokensWhenCustomerForgotten implements Reaction<CustomerForgotten> {
  constructor(private readonly payments: PaymentRepository) {}

  async react({ data }: Event<CustomerForgotten>, transaction: Transaction): Promise<void> {
    await this.payments.eraseTokens(transaction, data.customerId);
  }
}
