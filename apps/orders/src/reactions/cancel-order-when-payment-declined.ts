import { Injectable } from '@nestjs/common';
import { PaymentDeclined } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type Event, type Reaction } from '@past-tense/messaging';
import { declinePayment } from '../domain/order';
import { OrderRepository } from '../storage/order.repository';

@Injectable()
@ReactsTo(PaymentDeclined)
export class CancelOrderWhenPaymentDeclined implements Reaction<PaymentDeclined> {
  constructor(private readonly orders: OrderRepository) {}

  async react({ data }: Event<PaymentDeclined>, transaction: Transaction): Promise<void> {
    await this.orders.change(transaction, data.orderId, declinePayment);
  }
}
