// Generated from the .proto files. Change those and run `npm run contracts:generate`.
import { CustomerForgottenSchema as CustomerForgottenSchema, type CustomerForgotten as CustomerForgottenMessage } from './customer/v1/customer_forgotten_pb';
import { DeliveryAddressChangedSchema as DeliveryAddressChangedSchema, type DeliveryAddressChanged as DeliveryAddressChangedMessage } from './shipment/v1/delivery_address_changed_pb';
import { OrderCancelledSchema as OrderCancelledSchema, type OrderCancelled as OrderCancelledMessage } from './order/v1/order_cancelled_pb';
import { OrderCompletedSchema as OrderCompletedSchema, type OrderCompleted as OrderCompletedMessage } from './order/v1/order_completed_pb';
import { OrderPlacedSchema as OrderPlacedSchema, type OrderPlaced as OrderPlacedMessage } from './order/v1/order_placed_pb';
import { OrderPlacedSchema as OrderPlacedV2Schema, type OrderPlaced as OrderPlacedV2Message } from './order/v2/order_placed_pb';
import { PaymentCapturedSchema as PaymentCapturedSchema, type PaymentCaptured as PaymentCapturedMessage } from './payment/v1/payment_captured_pb';
import { PaymentDeclinedSchema as PaymentDeclinedSchema, type PaymentDeclined as PaymentDeclinedMessage } from './payment/v1/payment_declined_pb';
import { PaymentRefundedSchema as PaymentRefundedSchema, type PaymentRefunded as PaymentRefundedMessage } from './payment/v1/payment_refunded_pb';
import { ShipmentCancelledSchema as ShipmentCancelledSchema, type ShipmentCancelled as ShipmentCancelledMessage } from './shipment/v1/shipment_cancelled_pb';
import { ShipmentDeliveredSchema as ShipmentDeliveredSchema, type ShipmentDelivered as ShipmentDeliveredMessage } from './shipment/v1/shipment_delivered_pb';
import { ShipmentDispatchedSchema as ShipmentDispatchedSchema, type ShipmentDispatched as ShipmentDispatchedMessage } from './shipment/v1/shipment_dispatched_pb';
import { ShipmentRejectedSchema as ShipmentRejectedSchema, type ShipmentRejected as ShipmentRejectedMessage } from './shipment/v1/shipment_rejected_pb';

/** A customer was forgotten; whoever keeps personal data of theirs erases it. Travels on `customer-forgotten`. */
export const CustomerForgotten = CustomerForgottenSchema;
export type CustomerForgotten = CustomerForgottenMessage;

/** A parcel that the carrier did not have yet was readdressed. Travels on `delivery-address-changed`. */
export const DeliveryAddressChanged = DeliveryAddressChangedSchema;
export type DeliveryAddressChanged = DeliveryAddressChangedMessage;

/** An order ended without a delivery; what was captured for it is to be returned. Travels on `order-cancelled`. */
export const OrderCancelled = OrderCancelledSchema;
export type OrderCancelled = OrderCancelledMessage;

/** An order was paid and its parcel handed to the carrier. Travels on `order-completed`. */
export const OrderCompleted = OrderCompletedSchema;
export type OrderCompleted = OrderCompletedMessage;

/** A customer placed an order and it was found valid. Travels on `order-placed`. */
export const OrderPlaced = OrderPlacedSchema;
export type OrderPlaced = OrderPlacedMessage;

/** A customer placed an order in one currency and it was found valid. Travels on `order-placed-v2`. */
export const OrderPlacedV2 = OrderPlacedV2Schema;
export type OrderPlacedV2 = OrderPlacedV2Message;

/** The money for an order was taken at the payment provider. Travels on `payment-captured`. */
export const PaymentCaptured = PaymentCapturedSchema;
export type PaymentCaptured = PaymentCapturedMessage;

/** The payment provider refused to take the money for an order. Travels on `payment-declined`. */
export const PaymentDeclined = PaymentDeclinedSchema;
export type PaymentDeclined = PaymentDeclinedMessage;

/** The money taken for an order was returned to the customer. Travels on `payment-refunded`. */
export const PaymentRefunded = PaymentRefundedSchema;
export type PaymentRefunded = PaymentRefundedMessage;

/** A planned shipment was called off before the carrier had it. Travels on `shipment-cancelled`. */
export const ShipmentCancelled = ShipmentCancelledSchema;
export type ShipmentCancelled = ShipmentCancelledMessage;

/** The carrier handed the parcel of an order to its recipient. Travels on `shipment-delivered`. */
export const ShipmentDelivered = ShipmentDeliveredSchema;
export type ShipmentDelivered = ShipmentDeliveredMessage;

/** The parcel of an order was handed to the carrier. Travels on `shipment-dispatched`. */
export const ShipmentDispatched = ShipmentDispatchedSchema;
export type ShipmentDispatched = ShipmentDispatchedMessage;

/** The carrier refused the parcel of an order. Travels on `shipment-rejected`. */
export const ShipmentRejected = ShipmentRejectedSchema;
export type ShipmentRejected = ShipmentRejectedMessage;
