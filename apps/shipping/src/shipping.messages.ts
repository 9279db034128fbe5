import { ShipmentDispatched, ShipmentRejected } from '@past-tense/contracts';
import type { Messages } from '@past-tense/service';
import { DispatchShipmentWhenPaymentCaptured } from './reactions/dispatch-shipment-when-payment-captured';
import { PlanShipmentWhenOrderPlaced } from './reactions/plan-shipment-when-order-placed';

/** What shipping says and what it listens to. */
export const shippingMessages: Messages = {
  publishes: [ShipmentDispatched, ShipmentRejected],
  reactions: [PlanShipmentWhenOrderPlaced, DispatchShipmentWhenPaymentCaptured],
};
