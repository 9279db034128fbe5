import { Injectable } from '@nestjs/common';
import { PaymentRefunded } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type Event, type Reaction } from '@past-tense/messaging';
import { noteRefund } from '../domain/order';
import { OrderRepository } from '../storage/order.repository';

@Injectable()
@ReactsTo(PaymentRefunded)
export class NoteRefundWhenPaymentRefunded implements Reaction<PaymentRefunded> {
  constructor(private readonly orders: OrderRepository) {}

  async react({ data, occurredAt }: Event<PaymentRefunded>, transaction: Transaction): Promise<void> {
    await this.orders.change(transaction, data.orderId, (order) => noteRefund(order, new Date(occurredAt)));
  }
}
