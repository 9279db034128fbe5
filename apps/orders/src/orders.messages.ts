import { CustomerForgotten, OrderCancelled, OrderCompleted, OrderPlaced, OrderPlacedV2 } from '@past-tense/contracts';
import type { Messages } from '@past-tense/service';
import { CancelOrderWhenPaymentDeclined } from './reactions/cancel-order-when-payment-declined';
import { CancelOrderWhenShipmentRejected } from './reactions/cancel-order-when-shipment-rejected';
import { CancelOrderWhenShipmentCancelled } from './reactions/cancel-order-when-shipment-cancelled';
import { CompleteOrderWhenShipmentDispatched } from './reactions/complete-order-when-shipment-dispatched';
import { ConfirmOrderWhenPaymentCaptured } from './reactions/confirm-order-when-payment-captured';
import { NoteRefundWhenPaymentRefunded } from './reactions/note-refund-when-payment-refunded';

/** What orders says and what it listens to. */
export const ordersMessages: Messages = {
  publishes: [OrderPlaced, OrderPlacedV2, OrderCompleted, OrderCancelled, CustomerForgotten],
  reactions: [
    ConfirmOrderWhenPaymentCaptured,
    CancelOrderWhenPaymentDeclined,
    CompleteOrderWhenShipmentDispatched,
    CancelOrderWhenShipmentRejected,
    CancelOrderWhenShipmentCancelled,
    NoteRefundWhenPaymentRefunded,
  ],
};
