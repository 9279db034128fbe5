import { PaymentCaptured, PaymentDeclined, PaymentDeclined_Reason, PaymentRefunded, validate, type Fact } from '@past-tense/contracts';
import { isRefundable, recordCapture, recordRefund, requestPayment, type Payment } from './payment';

const order = {
  orderId: '019aa000-0000-7000-8000-000000000001',
  customerId: '019aa000-0000-7000-8000-00000000000c',
  amount: { minorUnits: 4498, currency: 'EUR' },
  token: 'tok_visa',
};
const requested = requestPayment('019aa000-0000-7000-8000-000000000002', order);
const captured: Payment = { ...requested, status: 'captured', captureReference: 'cap_1' };

const expectValid = (facts: readonly Fact[]) => {
  for (const { type, data } of facts) expect(() => validate(type, data)).not.toThrow();
};

describe('a requested payment', () => {
  it('is captured when the provider says so', () => {
    const { payment, facts } = recordCapture(requested, { captured: true, reference: 'cap_1' });

    expect(payment).toEqual(captured);
    expect(facts).toMatchObject([
      {
        type: PaymentCaptured,
        data: {
          paymentId: requested.id,
          orderId: order.orderId,
          amount: { minorUnits: 4498n, currency: 'EUR' },
          providerReference: 'cap_1',
        },
      },
    ]);
    expectValid(facts);
  });

  it('is declined with the reason when the provider refuses', () => {
    const { payment, facts } = recordCapture(requested, { captured: false, reason: 'insufficient-funds' });

    expect(payment).toEqual({ ...requested, status: 'declined', declineReason: 'insufficient-funds' });
    expect(facts).toMatchObject([{ type: PaymentDeclined, data: { reason: PaymentDeclined_Reason.INSUFFICIENT_FUNDS } }]);
    expectValid(facts);
  });

  it('has nothing to refund', () => {
    expect(isRefundable(requested)).toBe(false);
    expect(recordRefund(requested, 'ref_1')).toEqual({ payment: requested, facts: [] });
  });
});

describe('a captured payment', () => {
  it('does not change when the provider answers again', () => {
    expect(recordCapture(captured, { captured: true, reference: 'cap_2' })).toEqual({ payment: captured, facts: [] });
  });

  it('is refunded once', () => {
    const { payment, facts } = recordRefund(captured, 'ref_1');

    expect(payment).toEqual({ ...captured, status: 'refunded', refundReference: 'ref_1' });
    expect(facts).toMatchObject([{ type: PaymentRefunded, data: { providerReference: 'ref_1' } }]);
    expectValid(facts);
    expect(recordRefund(payment, 'ref_2')).toEqual({ payment, facts: [] });
  });
});
