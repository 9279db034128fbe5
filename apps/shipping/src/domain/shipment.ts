import { fact, ShipmentDispatched, ShipmentRejected, ShipmentRejected_Reason, type Fact } from '@past-tense/contracts';

export interface Address {
  readonly recipient: string;
  readonly street: string;
  readonly city: string;
  readonly postalCode: string;
  readonly country: string;
}

/** The parcel of an order: planned when the order is placed, handed over when it is paid. */
export interface Shipment {
  readonly id: string;
  readonly orderId: string;
  readonly address: Address;
  readonly status: 'planned' | 'dispatched' | 'rejected';
  readonly trackingNumber?: string | undefined;
}

/** The new state of a shipment and what has thereby happened. */
export interface Decision {
  readonly shipment: Shipment;
  readonly facts: readonly Fact[];
}

export type CarrierAnswer = { readonly accepted: true; readonly trackingNumber: string } | { readonly accepted: false };

/** The order says where the parcel goes. */
export function planShipment(id: string, order: { orderId: string; address: Address }): Shipment {
  return { id, ...order, status: 'planned' };
}

/** Whether the parcel is still here. */
export function isPlanned(shipment: Shipment): boolean {
  return shipment.status === 'planned';
}

/** The carrier has answered. Only the first answer counts. */
export function recordHandOver(shipment: Shipment, answer: CarrierAnswer): Decision {
  if (!isPlanned(shipment)) return { shipment, facts: [] };
  const { id: shipmentId, orderId } = shipment;
  if (!answer.accepted) {
    return {
      shipment: { ...shipment, status: 'rejected' },
      facts: [fact(ShipmentRejected, { shipmentId, orderId, reason: ShipmentRejected_Reason.UNDELIVERABLE })],
    };
  }
  const { trackingNumber } = answer;
  return {
    shipment: { ...shipment, status: 'dispatched', trackingNumber },
    facts: [fact(ShipmentDispatched, { shipmentId, orderId, trackingNumber })],
  };
}
