import { Injectable } from '@nestjs/common';
import { PaymentCaptured } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type Event, type Reaction } from '@past-tense/messaging';
import { confirmPayment } from '../domain/order';
import { OrderRepository } from '../storage/order.repository';

@Injectable()
@ReactsTo(PaymentCaptured)
export class ConfirmOrderWhenPaymentCaptured implements Reaction<PaymentCaptured> {
  constructor(private readonly orders: OrderRepository) {}

  async react({ data, occurredAt }: Event<PaymentCaptured>, transaction: Transaction): Promise<void> {
    await this.orders.change(transaction, data.orderId, (order) => confirmPayment(order, new Date(occurredAt)));
  }
}
