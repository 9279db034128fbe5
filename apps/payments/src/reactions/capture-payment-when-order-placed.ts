import { Injectable } from '@nestjs/common';
import { OrderPlaced, OrderPlacedV2 } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type Event, type Forgetful, type OutsideReaction, type Shadowed } from '@past-tense/messaging';
import { recordCapture, type CaptureAnswer, type Money, type Payment } from '../domain/payment';
import { PaymentProvider } from '../provider/payment-provider';
import { PaymentRepository } from '../storage/payment.repository';

type Placed = OrderPlaced | OrderPlacedV2;

@Injectable()
@ReactsTo(OrderPlaced, OrderPlacedV2)
export class CapturePaymentWhenOrderPlaced implements OutsideReaction<Placed, Payment, CaptureAnswer>, Shadowed<Placed>, Forgetful<Placed> {
  constructor(
    private readonly payments: PaymentRepository,
    private readonly provider: PaymentProvider,
  ) {}

  async intend({ data }: Event<Placed>, transaction: Transaction): Promise<Payment | undefined> {
    const { orderId, customerId, paymentToken: token } = data;
    const payment = await this.payments.request(transaction, { orderId, customerId, amount: totalOf(data), token });
    return payment.status === 'requested' ? payment : undefined;
  }

  async call({ orderId, amount, token }: Payment): Promise<CaptureAnswer> {
    if (token === undefined) throw new Error(`How order ${orderId} is to be paid was forgotten before the payment was settled.`);
    return await this.provider.capture(`capture-${orderId}`, { orderId, amount, token });
  }

  async record({ data }: Event<Placed>, answer: CaptureAnswer, transaction: Transaction): Promise<void> {
    await this.payments.change(transaction, data.orderId, (payment) => recordCapture(payment, answer));
  }

  /** A customer is forgotten only when their orders are settled, so there is nothing left to capture. */
  async reactToForgotten(): Promise<void> {}

  async outcome({ data }: Event<Placed>, transaction: Transaction): Promise<unknown> {
    const payment = await this.payments.findByOrder(transaction, data.orderId);
    return payment && { amount: payment.amount, token: payment.token };
  }

  async undo({ data }: Event<Placed>, transaction: Transaction): Promise<void> {
    await this.payments.forget(transaction, data.orderId);
  }
}

function totalOf(data: Placed): Money {
  if (data.$typeName === 'order.v2.OrderPlaced') return { minorUnits: Number(data.totalMinorUnits), currency: data.currency };
  return { minorUnits: Number(data.total!.minorUnits), currency: data.total!.currency };
}
