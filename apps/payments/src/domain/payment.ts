import { fact, PaymentCaptured, PaymentDeclined, PaymentDeclined_Reason, PaymentRefunded, type Fact } from '@past-tense/contracts';

/** An amount in minor units of its currency, such as cents. */
export interface Money {
  readonly minorUnits: number;
  readonly currency: string;
}

export type DeclineReason = 'insufficient-funds' | 'refused-by-issuer';

export interface Payment {
  readonly id: string;
  readonly orderId: string;
  readonly amount: Money;
  readonly customerId?: string | undefined;
  /** The provider's token for the means of payment; gone once the customer was forgotten. */
  readonly token?: string | undefined;
  readonly status: 'requested' | 'captured' | 'declined' | 'refunded';
  readonly captureReference?: string | undefined;
  readonly refundReference?: string | undefined;
  readonly declineReason?: DeclineReason | undefined;
}

/** The new state of a payment and what has thereby happened. */
export interface Decision {
  readonly payment: Payment;
  readonly facts: readonly Fact[];
}

export type CaptureAnswer =
  { readonly captured: true; readonly reference: string } | { readonly captured: false; readonly reason: DeclineReason };

/** The money for an order is to be taken. */
export function requestPayment(id: string, order: { orderId: string; customerId: string; amount: Money; token: string }): Payment {
  return { id, ...order, status: 'requested' };
}

/** The provider has answered. Only the first answer counts. */
export function recordCapture(payment: Payment, answer: CaptureAnswer): Decision {
  if (!isPending(payment)) return { payment, facts: [] };
  const { id: paymentId, orderId } = payment;
  if (!answer.captured) {
    return {
      payment: { ...payment, status: 'declined', declineReason: answer.reason },
      facts: [fact(PaymentDeclined, { paymentId, orderId, reason: contractReasons[answer.reason] })],
    };
  }
  return {
    payment: { ...payment, status: 'captured', captureReference: answer.reference },
    facts: [fact(PaymentCaptured, { paymentId, orderId, amount: toContract(payment.amount), providerReference: answer.reference })],
  };
}

/** Whether the provider has not answered yet. */
export function isPending(payment: Payment): boolean {
  return payment.status === 'requested';
}

/** Only money that was taken can be returned. */
export function isRefundable(payment: Payment): boolean {
  return payment.status === 'captured';
}

/** The provider has returned the money. */
export function recordRefund(payment: Payment, reference: string): Decision {
  if (!isRefundable(payment)) return { payment, facts: [] };
  return {
    payment: { ...payment, status: 'refunded', refundReference: reference },
    facts: [
      fact(PaymentRefunded, {
        paymentId: payment.id,
        orderId: payment.orderId,
        amount: toContract(payment.amount),
        providerReference: reference,
      }),
    ],
  };
}

const contractReasons: Record<DeclineReason, PaymentDeclined_Reason> = {
  'insufficient-funds': PaymentDeclined_Reason.INSUFFICIENT_FUNDS,
  'refused-by-issuer': PaymentDeclined_Reason.REFUSED_BY_ISSUER,
};

function toContract({ minorUnits, currency }: Money): { minorUnits: bigint; currency: string } {
  return { minorUnits: BigInt(minorUnits), currency };
}
