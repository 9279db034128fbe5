import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { Outbox } from '@past-tense/outbox';
import { PersonalData } from '@past-tense/privacy';
import { requestPayment, type Decision, type Money, type Payment } from '../domain/payment';
import { PaymentRow } from './payment.row';

/** Loads a payment, lets the domain decide, saves the new state and records the facts: all in one transaction. */
@Injectable()
export class PaymentRepository {
  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
    private readonly personal: PersonalData,
  ) {}

  /** The payment of an order: requested now, or as it is if it was requested before. */
  async request(transaction: Transaction, order: { orderId: string; customerId: string; amount: Money; token: string }): Promise<Payment> {
    const payment = requestPayment(newId(), order);
    const { token } = await this.personal.seal({ person: order.customerId, holder: holderOf(payment), texts: { token: order.token } });
    const row = { ...toRow(payment), token, version: '0' };
    await transaction.entities.createQueryBuilder().insert().into(PaymentRow).values(row).orIgnore().execute();
    return (await this.findByOrder(transaction, order.orderId))!;
  }

  /** The payment of an order, or null if none was requested. */
  async findByOrder(transaction: Transaction, orderId: string): Promise<Payment | null> {
    const row = await transaction.entities.findOneBy(PaymentRow, { orderId });
    return row && (await this.#toPayment(row));
  }

  /**
   * Changes the payment of an order. Other changes of the same payment wait until the transaction ends.
   * @throws Error if none was requested
   */
  async change(transaction: Transaction, orderId: string, decide: (payment: Payment) => Decision): Promise<void> {
    const row = await transaction.entities.findOne(PaymentRow, { where: { orderId }, lock: { mode: 'pessimistic_write' } });
    if (!row) throw new Error(`No payment was requested for order ${orderId}.`);
    const { payment, facts } = decide(await this.#toPayment(row));
    const version = Number(row.version);
    await transaction.entities.update(PaymentRow, { id: row.id }, { ...toRow(payment), version: String(version + facts.length) });
    const now = new Date();
    for (const [i, fact] of facts.entries()) await this.outbox.append(transaction, fact, version + i + 1, now);
  }

  /** Erases how the customer paid. What was paid stays: that is the books' affair. */
  async eraseTokens(transaction: Transaction, customerId: string): Promise<void> {
    await transaction.entities.update(PaymentRow, { customerId }, { token: null });
  }

  /** Takes the payment of an order out of the table. Only for what is tried out and taken back. */
  async forget(transaction: Transaction, orderId: string): Promise<void> {
    await transaction.entities.delete(PaymentRow, { orderId });
  }

  /** A payment, or null. */
  async find(id: string): Promise<Payment | null> {
    const row = await this.database.entities.findOneBy(PaymentRow, { id });
    return row && (await this.#toPayment(row));
  }

  async #toPayment(row: PaymentRow): Promise<Payment> {
    const { customerId: person, token } = row;
    if (person === null || token === null) return toPayment(row, token ?? undefined);
    return toPayment(row, (await this.personal.open({ person, holder: holderOf(row), texts: { token } }))?.token);
  }
}

const holderOf = ({ id }: Pick<Payment, 'id'>) => `payment/${id}`;

/** Without the token: that is sealed when the payment is requested, and never changes. */
function toRow({ amount, token: _, ...payment }: Payment): Omit<PaymentRow, 'version' | 'token'> {
  return {
    ...payment,
    customerId: payment.customerId ?? null,
    amountMinorUnits: String(amount.minorUnits),
    currency: amount.currency,
    captureReference: payment.captureReference ?? null,
    refundReference: payment.refundReference ?? null,
    declineReason: payment.declineReason ?? null,
  };
}

function toPayment(row: PaymentRow, token: string | undefined): Payment {
  return {
    id: row.id,
    orderId: row.orderId,
    amount: { minorUnits: Number(row.amountMinorUnits), currency: row.currency },
    customerId: row.customerId ?? undefined,
    token,
    status: row.status,
    captureReference: row.captureReference ?? undefined,
    refundReference: row.refundReference ?? undefined,
    declineReason: row.declineReason ?? undefined,
  };
}
