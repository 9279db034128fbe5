// Generated from the .proto files. Change those and run `npm run contracts:generate`.
import type { CommandService, Service, Team, Topic } from '../catalogue';
import * as commands from './commands';
import * as events from './events';

export const teams = {
  "ordering": {
    "name": "ordering",
    "contact": "ordering@past-tense.example"
  },
  "payments": {
    "name": "payments",
    "contact": "payments@past-tense.example"
  },
  "fulfilment": {
    "name": "fulfilment",
    "contact": "fulfilment@past-tense.example"
  }
} as const satisfies Record<string, Team>;

export const services = {
  "orders": {
    "name": "orders",
    "owner": "ordering",
    "remembersMs": 12960000000,
    "holdsMs": 86400000
  },
  "payments": {
    "name": "payments",
    "owner": "payments",
    "remembersMs": 12960000000,
    "holdsMs": 2678400000
  },
  "shipping": {
    "name": "shipping",
    "owner": "fulfilment",
    "remembersMs": 12960000000,
    "holdsMs": 86400000
  },
  "tracking": {
    "name": "tracking",
    "owner": "ordering",
    "remembersMs": 12960000000,
    "holdsMs": 86400000
  }
} as const satisfies Record<string, Service>;

export const topics: readonly Topic[] = [
{
  "name": "customer-forgotten",
  "eventType": "customer.v1.CustomerForgotten",
  "version": 1,
  "owner": "ordering",
  "description": "A customer was forgotten; whoever keeps personal data of theirs erases it.",
  "key": "customerId",
  "partitions": 12,
  "retentionMs": 7776000000,
  "cleanup": "delete",
  "lagSloMs": 60000,
  "producer": "orders",
  "consumers": [
    "payments",
    "shipping"
  ],
  "proto": "customer/v1/customer_forgotten.proto",
  "event": events.CustomerForgotten
},
{
  "name": "delivery-address-changed",
  "eventType": "shipment.v1.DeliveryAddressChanged",
  "version": 1,
  "owner": "fulfilment",
  "description": "A parcel that the carrier did not have yet was readdressed.",
  "key": "shipmentId",
  "partitions": 12,
  "retentionMs": 7776000000,
  "cleanup": "delete",
  "lagSloMs": 60000,
  "producer": "shipping",
  "consumers": [
    "tracking"
  ],
  "proto": "shipment/v1/delivery_address_changed.proto",
  "event": events.DeliveryAddressChanged
},
{
  "name": "order-cancelled",
  "eventType": "order.v1.OrderCancelled",
  "version": 1,
  "owner": "ordering",
  "description": "An order ended without a delivery; what was captured for it is to be returned.",
  "key": "orderId",
  "partitions": 12,
  "retentionMs": 7776000000,
  "cleanup": "delete",
  "lagSloMs": 30000,
  "producer": "orders",
  "consumers": [
    "payments",
    "tracking"
  ],
  "proto": "order/v1/order_cancelled.proto",
  "event": events.OrderCancelled
},
{
  "name": "order-completed",
  "eventType": "order.v1.OrderCompleted",
  "version": 1,
  "owner": "ordering",
  "description": "An order was paid and its parcel handed to the carrier.",
  "key": "orderId",
  "partitions": 12,
  "retentionMs": 7776000000,
  "cleanup": "delete",
  "lagSloMs": 60000,
  "producer": "orders",
  "consumers": [
    "tracking"
  ],
  "proto": "order/v1/order_completed.proto",
  "event": events.OrderCompleted
},
{
  "name": "order-placed",
  "eventType": "order.v1.OrderPlaced",
  "version": 1,
  "owner": "ordering",
  "description": "A customer placed an order and it was found valid.",
  "key": "orderId",
  "partitions": 12,
  "retentionMs": 7776000000,
  "cleanup": "delete",
  "lagSloMs": 30000,
  "producer": "orders",
  "consumers": [
    "payments",
    "shipping",
    "tracking"
  ],
  "proto": "order/v1/order_placed.proto",
  "event": events.OrderPlaced
},
{
  "name": "order-placed-v2",
  "eventType": "order.v2.OrderPlaced",
  "version": 2,
  "owner": "ordering",
  "description": "A customer placed an order in one currency and it was found valid.",
  "key": "orderId",
  "partitions": 12,
  "retentionMs": 7776000000,
  "cleanup": "delete",
  "lagSloMs": 30000,
  "producer": "orders",
  "consumers": [
    "payments",
    "shipping",
    "tracking"
  ],
  "proto": "order/v2/order_placed.proto",
  "event": events.OrderPlacedV2
},
{
  "name": "payment-captured",
  "eventType": "payment.v1.PaymentCaptured",
  "version": 1,
  "owner": "payments",
  "description": "The money for an order was taken at the payment provider.",
  "key": "paymentId",
  "partitions": 12,
  "retentionMs": 7776000000,
  "cleanup": "delete",
  "lagSloMs": 30000,
  "producer": "payments",
  "consumers": [
    "orders",
    "shipping",
    "tracking"
  ],
  "proto": "payment/v1/payment_captured.proto",
  "event": events.PaymentCaptured
},
{
  "name": "payment-declined",
  "eventType": "payment.v1.PaymentDeclined",
  "version": 1,
  "owner": "payments",
  "description": "The payment provider refused to take the money for an order.",
  "key": "paymentId",
  "partitions": 12,
  "retentionMs": 7776000000,
  "cleanup": "delete",
  "lagSloMs": 30000,
  "producer": "payments",
  "consumers": [
    "orders",
    "tracking"
  ],
  "proto": "payment/v1/payment_declined.proto",
  "event": events.PaymentDeclined
},
{
  "name": "payment-refunded",
  "eventType": "payment.v1.PaymentRefunded",
  "version": 1,
  "owner": "payments",
  "description": "The money taken for an order was returned to the customer.",
  "key": "paymentId",
  "partitions": 12,
  "retentionMs": 7776000000,
  "cleanup": "delete",
  "lagSloMs": 60000,
  "producer": "payments",
  "consumers": [
    "orders",
    "tracking"
  ],
  "proto": "payment/v1/payment_refunded.proto",
  "event": events.PaymentRefunded
},
{
  "name": "shipment-cancelled",
  "eventType": "shipment.v1.ShipmentCancelled",
  "version": 1,
  "owner": "fulfilment",
  "description": "A planned shipment was called off before the carrier had it.",
  "key": "shipmentId",
  "partitions": 12,
  "retentionMs": 7776000000,
  "cleanup": "delete",
  "lagSloMs": 60000,
  "producer": "shipping",
  "consumers": [
    "orders",
    "tracking"
  ],
  "proto": "shipment/v1/shipment_cancelled.proto",
  "event": events.ShipmentCancelled
},
{
  "name": "shipment-delivered",
  "eventType": "shipment.v1.ShipmentDelivered",
  "version": 1,
  "owner": "fulfilment",
  "description": "The carrier handed the parcel of an order to its recipient.",
  "key": "shipmentId",
  "partitions": 12,
  "retentionMs": 7776000000,
  "cleanup": "delete",
  "lagSloMs": 300000,
  "producer": "shipping",
  "consumers": [
    "tracking"
  ],
  "proto": "shipment/v1/shipment_delivered.proto",
  "event": events.ShipmentDelivered
},
{
  "name": "shipment-dispatched",
  "eventType": "shipment.v1.ShipmentDispatched",
  "version": 1,
  "owner": "fulfilment",
  "description": "The parcel of an order was handed to the carrier.",
  "key": "shipmentId",
  "partitions": 12,
  "retentionMs": 7776000000,
  "cleanup": "delete",
  "lagSloMs": 30000,
  "producer": "shipping",
  "consumers": [
    "orders",
    "tracking"
  ],
  "proto": "shipment/v1/shipment_dispatched.proto",
  "event": events.ShipmentDispatched
},
{
  "name": "shipment-rejected",
  "eventType": "shipment.v1.ShipmentRejected",
  "version": 1,
  "owner": "fulfilment",
  "description": "The carrier refused the parcel of an order.",
  "key": "shipmentId",
  "partitions": 12,
  "retentionMs": 7776000000,
  "cleanup": "delete",
  "lagSloMs": 30000,
  "producer": "shipping",
  "consumers": [
    "orders",
    "tracking"
  ],
  "proto": "shipment/v1/shipment_rejected.proto",
  "event": events.ShipmentRejected
},
];

export const commandServices: readonly CommandService[] = [
{
  "name": "shipping.v1.ShippingCommands",
  "description": "What others may ask of shipping. It may refuse.",
  "receiver": "shipping",
  "callers": [
    "orders"
  ],
  "scope": "shipments:command",
  "proto": "shipping/v1/shipping_commands.proto",
  "service": commands.ShippingCommands,
  "commands": [
    { "name": "CancelShipment", "description": "Call off the shipment of an order before the carrier has it.", "method": commands.CancelShipment },
    { "name": "ChangeDeliveryAddress", "description": "Send the parcel of an order elsewhere, as long as the carrier does not have it.", "method": commands.ChangeDeliveryAddress },
  ]
},
];
