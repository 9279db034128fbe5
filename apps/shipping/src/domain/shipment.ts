import { fact, ShipmentDispatched, ShipmentRejected, ShipmentRejected_Reason, type Fact } from '@past-tense/contracts';

export interface Address {
  readonly recipient: string;
  readonly street: string;
  readonly city: string;
  readonly postalCode: string;
  readonly country: string;
}

/**
 * The parcel of an order. It may leave once two things are known: where it goes (from the order) and that it is paid (from
 * the payment). They come on different topics, so either may come first.
 */
export interface Shipment {
  readonly id: string;
  readonly orderId: string;
  readonly address?: Address | undefined;
  readonly paid: boolean;
  readonly status: 'open' | 'dispatched' | 'rejected';
  readonly trackingNumber?: string | undefined;
}

/** The new state of a shipment and what has thereby happened. */
export interface Decision {
  readonly shipment: Shipment;
  readonly facts: readonly Fact[];
}

export type CarrierAnswer = { readonly accepted: true; readonly trackingNumber: string } | { readonly accepted: false };

/** A shipment of which nothing is known yet but its order. */
export function openShipment(id: string, orderId: string): Shipment {
  return { id, orderId, paid: false, status: 'open' };
}

/** The order says where the parcel goes. */
export function planShipment(shipment: Shipment, address: Address): Shipment {
  return shipment.address ? shipment : { ...shipment, address };
}

/** The payment says that the parcel may go. */
export function releaseShipment(shipment: Shipment): Shipment {
  return { ...shipment, paid: true };
}

/** Whether the carrier is to be asked now. */
export function isReady(shipment: Shipment): shipment is Shipment & { address: Address } {
  return shipment.status === 'open' && shipment.paid && shipment.address !== undefined;
}

/** The carrier has answered. Only the first answer counts. */
export function recordHandOver(shipment: Shipment, answer: CarrierAnswer): Decision {
  if (shipment.status !== 'open') return { shipment, facts: [] };
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
