import { Injectable } from '@nestjs/common';
import { OrderPlaced } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type Event, type OutsideReaction } from '@past-tense/messaging';
import { recordCapture, type CaptureAnswer, type Payment } from '../domain/payment';
import { PaymentProvider } from '../provider/payment-provider';
import { PaymentRepository } from '../storage/payment.repository';

@Injectable()
@ReactsTo(OrderPlaced)
export class CapturePaymentWhenOrderPlaced implements OutsideReaction<OrderPlaced, Payment, CaptureAnswer> {
  constructor(
    private readonly payments: PaymentRepository,
    private readonly provider: PaymentProvider,
  ) {}

  async intend({ data }: Event<OrderPlaced>, transaction: Transaction): Promise<Payment | undefined> {
    const amount = { minorUnits: Number(data.total!.minorUnits), currency: data.total!.currency };
    const payment = await this.payments.request(transaction, { orderId: data.orderId, amount, token: data.paymentToken });
    return payment.status === 'requested' ? payment : undefined;
  }

  async call({ orderId, amount, token }: Payment): Promise<CaptureAnswer> {
    return await this.provider.capture(`capture-${orderId}`, { orderId, amount, token });
  }

  async record({ data }: Event<OrderPlaced>, answer: CaptureAnswer, transaction: Transaction): Promise<void> {
    await this.payments.change(transaction, data.orderId, (payment) => recordCapture(payment, answer));
  }
}
