// Generated from the .proto files. Change those and run `npm run contracts:generate`.
import { requireKnown } from '../known-value';
import { OrderCancelled_Reason as OrderCancelledReason, OrderCancelled_ReasonSchema as OrderCancelledReasonSchema } from './order/v1/order_cancelled_pb';

/** A value of order.v1.OrderCancelled.Reason that this build knows.
 * @throws UnknownValueError if it was added later; the event is dead-lettered as UNKNOWN_VALUE */
export function knownOrderCancelledReason(value: OrderCancelledReason): Exclude<OrderCancelledReason, OrderCancelledReason.UNSPECIFIED> {
  return requireKnown(OrderCancelledReasonSchema, value) as Exclude<OrderCancelledReason, OrderCancelledReason.UNSPECIFIED>;
}
import { PaymentDeclined_Reason as PaymentDeclinedReason, PaymentDeclined_ReasonSchema as PaymentDeclinedReasonSchema } from './payment/v1/payment_declined_pb';

/** A value of payment.v1.PaymentDeclined.Reason that this build knows.
 * @throws UnknownValueError if it was added later; the event is dead-lettered as UNKNOWN_VALUE */
export function knownPaymentDeclinedReason(value: PaymentDeclinedReason): Exclude<PaymentDeclinedReason, PaymentDeclinedReason.UNSPECIFIED> {
  return requireKnown(PaymentDeclinedReasonSchema, value) as Exclude<PaymentDeclinedReason, PaymentDeclinedReason.UNSPECIFIED>;
}
import { ShipmentRejected_Reason as ShipmentRejectedReason, ShipmentRejected_ReasonSchema as ShipmentRejectedReasonSchema } from './shipment/v1/shipment_rejected_pb';

/** A value of shipment.v1.ShipmentRejected.Reason that this build knows.
 * @throws UnknownValueError if it was added later; the event is dead-lettered as UNKNOWN_VALUE */
export function knownShipmentRejectedReason(value: ShipmentRejectedReason): Exclude<ShipmentRejectedReason, ShipmentRejectedReason.UNSPECIFIED> {
  return requireKnown(ShipmentRejectedReasonSchema, value) as Exclude<ShipmentRejectedReason, ShipmentRejectedReason.UNSPECIFIED>;
}
