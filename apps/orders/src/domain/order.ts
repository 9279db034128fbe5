import {
  fact,
  inVersions,
  OrderCancelled,
  OrderCancelled_Reason,
  OrderCompleted,
  OrderPlaced,
  OrderPlacedV2,
  type Fact,
} from '@past-tense/contracts';
import { MixedCurrenciesError, TotalTooLargeError } from './order.errors';

/** An amount in minor units of its currency, such as cents. */
export interface Money {
  readonly minorUnits: number;
  readonly currency: string;
}

export interface OrderLine {
  readonly sku: string;
  readonly quantity: number;
  readonly unitPrice: Money;
}

export interface DeliveryAddress {
  readonly recipient: string;
  readonly street: string;
  readonly city: string;
  readonly postalCode: string;
  readonly country: string;
}

export type CancellationReason = 'payment-declined' | 'undeliverable' | 'customer-request';

export interface Order {
  readonly id: string;
  readonly customerId: string;
  readonly lines: readonly OrderLine[];
  readonly total: Money;
  readonly status: 'placed' | 'completed' | 'cancelled';
  readonly placedAt: Date;
  readonly paidAt?: Date | undefined;
  readonly endedAt?: Date | undefined;
  readonly refundedAt?: Date | undefined;
  /** When it was heard for the first time that nothing was taken. */
  readonly declinedAt?: Date | undefined;
  readonly cancellationReason?: CancellationReason | undefined;
}

/** The new state of an order and what has thereby happened. */
export interface Decision {
  readonly order: Order;
  readonly facts: readonly Fact[];
}

export interface OrderRequest {
  readonly customerId: string;
  readonly lines: readonly OrderLine[];
  readonly paymentToken: string;
  readonly deliveryAddress: DeliveryAddress;
}

/**
 * Places an order.
 * @throws MixedCurrenciesError if its lines are not all in one currency; TotalTooLargeError if its total cannot be counted
 */
export function placeOrder(id: string, request: OrderRequest, now: Date): Decision {
  const total = totalOf(request.lines);
  const order: Order = { id, customerId: request.customerId, lines: request.lines, total, status: 'placed', placedAt: now };
  return { order, facts: [placed(order, request)] };
}

function placed({ id: orderId, total }: Order, { customerId, lines, paymentToken, deliveryAddress }: OrderRequest): Fact {
  return inVersions(
    fact(OrderPlaced, {
      orderId,
      customerId,
      lines: lines.map((line) => ({ ...line, unitPrice: toContract(line.unitPrice) })),
      total: toContract(total),
      paymentToken,
      deliveryAddress,
    }),
    fact(OrderPlacedV2, {
      orderId,
      customerId,
      lines: lines.map(({ sku, quantity, unitPrice }) => ({ sku, quantity, unitPriceMinorUnits: BigInt(unitPrice.minorUnits) })),
      currency: total.currency,
      totalMinorUnits: BigInt(total.minorUnits),
      paymentToken,
      deliveryAddress,
    }),
  );
}

/** The money was taken. It may be heard of after the order has ended, and then changes nothing about that. */
export function confirmPayment(order: Order, capturedAt: Date): Decision {
  return { order: { ...order, paidAt: capturedAt }, facts: [] };
}

/** The parcel is with the carrier, so the order is complete, even if the payment has not been heard of yet. */
export function completeOrder(order: Order, now: Date): Decision {
  if (order.status !== 'placed') return unchanged(order);
  return { order: { ...order, status: 'completed', endedAt: now }, facts: [fact(OrderCompleted, { orderId: order.id })] };
}

/** Nothing was taken, so nothing is sent. It may be heard of after the order has ended, and then is only noted; heard again, it changes nothing. */
export function declinePayment(order: Order, now: Date): Decision {
  return cancelOrder({ ...order, declinedAt: order.declinedAt ?? now }, 'payment-declined', now);
}

/** Whether the order has ended and no money is on its way: then nobody needs to know any more where the parcel goes and who pays. */
export function isSettled({ status, cancellationReason, refundedAt, declinedAt }: Order): boolean {
  if (status === 'completed') return true;
  return status === 'cancelled' && (cancellationReason === 'payment-declined' || (refundedAt ?? declinedAt) !== undefined);
}

/** The order ends without a delivery. */
export function cancelOrder(order: Order, reason: CancellationReason, now: Date): Decision {
  if (order.status !== 'placed') return unchanged(order);
  return {
    order: { ...order, status: 'cancelled', endedAt: now, cancellationReason: reason },
    facts: [fact(OrderCancelled, { orderId: order.id, reason: contractReasons[reason] })],
  };
}

/** What had been taken was returned. */
export function noteRefund(order: Order, refundedAt: Date): Decision {
  return { order: { ...order, refundedAt }, facts: [] };
}

const contractReasons: Record<CancellationReason, OrderCancelled_Reason> = {
  'payment-declined': OrderCancelled_Reason.PAYMENT_DECLINED,
  undeliverable: OrderCancelled_Reason.UNDELIVERABLE,
  'customer-request': OrderCancelled_Reason.CUSTOMER_REQUEST,
};

function unchanged(order: Order): Decision {
  return { order, facts: [] };
}

function totalOf(lines: readonly OrderLine[]): Money {
  const currency = lines[0]!.unitPrice.currency;
  if (lines.some((line) => line.unitPrice.currency !== currency)) throw new MixedCurrenciesError();
  const minorUnits = lines.reduce((sum, line) => sum + line.quantity * line.unitPrice.minorUnits, 0);
  if (!Number.isSafeInteger(minorUnits)) throw new TotalTooLargeError();
  return { minorUnits, currency };
}

function toContract({ minorUnits, currency }: Money): { minorUnits: bigint; currency: string } {
  return { minorUnits: BigInt(minorUnits), currency };
}
