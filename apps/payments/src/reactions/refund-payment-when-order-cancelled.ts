import { Injectable } from '@nestjs/common';
import { OrderCancelled } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { EarlyEventError, ReactsTo, type Event, type OutsideReaction } from '@past-tense/messaging';
import { isPending, isRefundable, recordRefund, type Payment } from '../domain/payment';
import { PaymentProvider } from '../provider/payment-provider';
import { PaymentRepository } from '../storage/payment.repository';

@Injectable()
@ReactsTo(OrderCancelled)
export class RefundPaymentWhenOrderCancelled implements OutsideReaction<OrderCancelled, Payment, string> {
  // An order may be cancelled while the provider is away, and what it takes in the end is returned however long that lasts.
  static readonly patienceMs = 30 * 86_400_000;

  constructor(
    private readonly payments: PaymentRepository,
    private readonly provider: PaymentProvider,
  ) {}

  /** The cancellation may be heard of before the order itself, which travels on another topic, or while the provider is asked. */
  async intend({ data }: Event<OrderCancelled>, transaction: Transaction): Promise<Payment | undefined> {
    const payment = await this.payments.findByOrder(transaction, data.orderId);
    if (!payment || isPending(payment)) throw new EarlyEventError(data.orderId, `the payment of order ${data.orderId}`);
    return isRefundable(payment) ? payment : undefined;
  }

  async call({ orderId, captureReference }: Payment): Promise<string> {
    return await this.provider.refund(`refund-${orderId}`, captureReference!);
  }

  async record({ data }: Event<OrderCancelled>, reference: string, transaction: Transaction): Promise<void> {
    await this.payments.change(transaction, data.orderId, (payment) => recordRefund(payment, reference));
  }
}
