import { DeliveryAddressChanged, ShipmentCancelled, ShipmentDelivered, ShipmentDispatched, ShipmentRejected } from '@past-tense/contracts';
import type { Messages } from '@past-tense/service';
import { AnswerCancelShipment } from './commands/answer-cancel-shipment';
import { AnswerChangeDeliveryAddress } from './commands/answer-change-delivery-address';
import { DispatchShipmentWhenPaymentCaptured } from './reactions/dispatch-shipment-when-payment-captured';
import { EraseAddressesWhenCustomerForgotten } from './reactions/erase-addresses-when-customer-forgotten';
import { PlanShipmentWhenOrderPlaced } from './reactions/plan-shipment-when-order-placed';

/** What shipping says, what it listens to and what it can be asked. */
export const shippingMessages: Messages = {
  publishes: [ShipmentDispatched, ShipmentRejected, ShipmentDelivered, ShipmentCancelled, DeliveryAddressChanged],
  reactions: [PlanShipmentWhenOrderPlaced, DispatchShipmentWhenPaymentCaptured, EraseAddressesWhenCustomerForgotten],
  answers: [AnswerCancelShipment, AnswerChangeDeliveryAddress],
};
