import { OrderCancelled, OrderCancelled_Reason, OrderCompleted, OrderPlaced, validate } from '@past-tense/contracts';
import {
  cancelOrder,
  completeOrder,
  confirmPayment,
  declinePayment,
  isSettled,
  noteRefund,
  placeOrder,
  type Order,
  type OrderRequest,
} from './order';
import { MixedCurrenciesError, TotalTooLargeError } from './order.errors';

const id = '019aa000-0000-7000-8000-000000000001';
const customerId = '019aa000-0000-7000-8000-00000000000c';
const monday = new Date('2026-11-16T08:00:00Z');
const tuesday = new Date('2026-11-17T08:00:00Z');
const eur = (minorUnits: number) => ({ minorUnits, currency: 'EUR' });

const request: OrderRequest = {
  customerId,
  lines: [
    { sku: 'teapot', quantity: 2, unitPrice: eur(1999) },
    { sku: 'cup', quantity: 1, unitPrice: eur(500) },
  ],
  paymentToken: 'tok_visa',
  deliveryAddress: { recipient: 'Ada', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' },
};
const given = (change: Partial<Order> = {}): Order => ({ ...placeOrder(id, request, monday).order, ...change });

describe('placing an order', () => {
  it('adds up the lines and states the fact, which its contract accepts', () => {
    const { order, facts } = placeOrder(id, request, monday);

    expect(order).toMatchObject({ id, status: 'placed', total: eur(4498), placedAt: monday });
    expect(facts).toHaveLength(1);
    expect(facts[0]).toMatchObject({ type: OrderPlaced, data: { orderId: id, customerId, total: { minorUnits: 4498n, currency: 'EUR' } } });
    expect(() => validate(OrderPlaced, facts[0]!.data as OrderPlaced)).not.toThrow();
  });

  it('refuses lines in two currencies', () => {
    const lines = [...request.lines, { sku: 'spoon', quantity: 1, unitPrice: { minorUnits: 1, currency: 'USD' } }];

    expect(() => placeOrder(id, { ...request, lines }, monday)).toThrow(MixedCurrenciesError);
  });

  it('refuses a total that would lose cents', () => {
    const lines = [{ sku: 'moon', quantity: 1000, unitPrice: eur(Number.MAX_SAFE_INTEGER) }];

    expect(() => placeOrder(id, { ...request, lines }, monday)).toThrow(TotalTooLargeError);
  });
});

describe('a placed order', () => {
  it('stays placed when its payment is captured', () => {
    expect(confirmPayment(given(), tuesday)).toEqual({ order: given({ paidAt: tuesday }), facts: [] });
  });

  it('completes when its parcel is dispatched', () => {
    const { order, facts } = completeOrder(given({ paidAt: monday }), tuesday);

    expect(order).toMatchObject({ status: 'completed', endedAt: tuesday });
    expect(facts).toMatchObject([{ type: OrderCompleted, data: { orderId: id } }]);
  });

  it('is cancelled with the reason when its payment is declined', () => {
    const { order, facts } = declinePayment(given(), tuesday);

    expect(order).toMatchObject({ status: 'cancelled', cancellationReason: 'payment-declined', endedAt: tuesday });
    expect(facts).toMatchObject([{ type: OrderCancelled, data: { orderId: id, reason: OrderCancelled_Reason.PAYMENT_DECLINED } }]);
  });
});

describe('an order that has ended', () => {
  const completed = given({ status: 'completed', endedAt: monday });
  const cancelled = given({ status: 'cancelled', endedAt: monday, cancellationReason: 'undeliverable' });

  it('keeps its end when its payment is heard of late', () => {
    expect(confirmPayment(completed, tuesday)).toEqual({ order: { ...completed, paidAt: tuesday }, facts: [] });
  });

  it.each([completed, cancelled])('ends only once ($status)', (order) => {
    expect(completeOrder(order, tuesday)).toEqual({ order, facts: [] });
    expect(cancelOrder(order, 'payment-declined', tuesday)).toEqual({ order, facts: [] });
  });

  it('notes that its payment was declined after all', () => {
    expect(declinePayment(cancelled, tuesday)).toEqual({ order: { ...cancelled, declinedAt: tuesday }, facts: [] });
    const noted = { ...cancelled, declinedAt: monday };
    expect(declinePayment(noted, tuesday)).toEqual({ order: noted, facts: [] });
  });

  it('notes the refund', () => {
    expect(noteRefund(cancelled, tuesday)).toEqual({ order: { ...cancelled, refundedAt: tuesday }, facts: [] });
  });
});

describe('whether an order is settled', () => {
  const cancelled = (more: Partial<Order>) =>
    given({ status: 'cancelled', endedAt: monday, cancellationReason: 'customer-request', ...more });

  it.each([
    ['is placed', given(), false],
    ['is placed and paid', given({ paidAt: monday }), false],
    ['was sent', given({ status: 'completed', endedAt: monday }), true],
    ['was cancelled, and nobody knows yet what was taken', cancelled({}), false],
    ['was cancelled, and what was taken is not returned yet', cancelled({ paidAt: monday }), false],
    ['was cancelled and refunded', cancelled({ paidAt: monday, refundedAt: tuesday }), true],
    ['was cancelled, and then nothing was taken', cancelled({ declinedAt: tuesday }), true],
    ['was cancelled because nothing was taken', cancelled({ cancellationReason: 'payment-declined' }), true],
  ])('one that %s', (_, order, settled) => {
    expect(isSettled(order)).toBe(settled);
  });
});
