import {
  DeliveryAddressChanged,
  fact,
  ShipmentCancelled,
  ShipmentDelivered,
  ShipmentDispatched,
  ShipmentRejected,
  ShipmentRejected_Reason,
  type Fact,
} from '@past-tense/contracts';
import { ShipmentNotHereError } from './shipment.errors';

export interface Address {
  readonly recipient: string;
  readonly street: string;
  readonly city: string;
  readonly postalCode: string;
  readonly country: string;
}

/**
 * - `planned`: the parcel is here and can be called off or sent elsewhere.
 * - `handing-over`: the carrier is being asked to take it; from here on nobody knows whether it is still ours.
 */
export const shipmentStatuses = ['planned', 'handing-over', 'dispatched', 'delivered', 'rejected', 'cancelled'] as const;
export type ShipmentStatus = (typeof shipmentStatuses)[number];

/** The parcel of an order: planned when the order is placed, handed over when it is paid. */
export interface Shipment {
  readonly id: string;
  readonly orderId: string;
  readonly customerId?: string | undefined;
  /** Where the parcel goes; gone once the customer was forgotten. */
  readonly address?: Address | undefined;
  readonly status: ShipmentStatus;
  readonly trackingNumber?: string | undefined;
}

/** The new state of a shipment and what has thereby happened. */
export interface Decision {
  readonly shipment: Shipment;
  readonly facts: readonly Fact[];
}

export type CarrierAnswer = { readonly accepted: true; readonly trackingNumber: string } | { readonly accepted: false };

/** The order says where the parcel goes. */
export function planShipment(id: string, order: { orderId: string; customerId: string; address: Address }): Shipment {
  return { id, ...order, status: 'planned' };
}

/** The carrier is about to be asked: from now on the shipment can neither be cancelled nor sent elsewhere. */
export function beginHandOver(shipment: Shipment): Decision {
  return shipment.status === 'planned' ? { shipment: { ...shipment, status: 'handing-over' }, facts: [] } : unchanged(shipment);
}

/** Whether the carrier is to be asked and has not answered yet. */
export function isBeingHandedOver(shipment: Shipment): boolean {
  return shipment.status === 'handing-over';
}

/** The carrier has answered. Only the first answer counts. */
export function recordHandOver(shipment: Shipment, answer: CarrierAnswer): Decision {
  if (!isBeingHandedOver(shipment)) return unchanged(shipment);
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

/**
 * The shipment is called off. Calling it off twice is calling it off once.
 * @throws ShipmentNotHereError if the parcel is not here any more
 */
export function cancelShipment(shipment: Shipment): Decision {
  if (shipment.status === 'cancelled') return unchanged(shipment);
  requireHere(shipment);
  const { id: shipmentId, orderId } = shipment;
  return { shipment: { ...shipment, status: 'cancelled' }, facts: [fact(ShipmentCancelled, { shipmentId, orderId })] };
}

/**
 * The parcel is to go elsewhere. Only what is given changes.
 * @throws ShipmentNotHereError if the parcel is not here any more
 */
export function changeAddress(shipment: Shipment, change: Partial<Address>): Decision {
  requireHere(shipment);
  const before = addressOf(shipment);
  const address = { ...before, ...change };
  if (Object.entries(address).every(([part, value]) => before[part as keyof Address] === value)) return unchanged(shipment);
  const { id: shipmentId, orderId } = shipment;
  return { shipment: { ...shipment, address }, facts: [fact(DeliveryAddressChanged, { shipmentId, orderId })] };
}

/** The carrier has handed the parcel to its recipient. */
export function recordDelivery(shipment: Shipment): Decision {
  if (shipment.status !== 'dispatched') return unchanged(shipment);
  const { id: shipmentId, orderId } = shipment;
  return { shipment: { ...shipment, status: 'delivered' }, facts: [fact(ShipmentDelivered, { shipmentId, orderId })] };
}

/**
 * Where a parcel goes.
 * @throws Error if that was forgotten, which happens only to those whose orders are settled
 */
export function addressOf({ orderId, address }: Shipment): Address {
  if (!address) throw new Error(`Where the parcel of order ${orderId} goes was forgotten.`);
  return address;
}

function requireHere(shipment: Shipment): void {
  if (shipment.status !== 'planned') throw new ShipmentNotHereError(shipment.status);
}

function unchanged(shipment: Shipment): Decision {
  return { shipment, facts: [] };
}
