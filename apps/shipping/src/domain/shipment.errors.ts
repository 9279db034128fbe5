import type { ShipmentStatus } from './shipment';

const WHY: Partial<Record<ShipmentStatus, string>> = {
  'handing-over': 'The parcel is being handed to the carrier right now.',
  dispatched: 'The parcel is with the carrier already.',
  delivered: 'The parcel has been delivered.',
  rejected: 'The carrier does not deliver there, so there is no parcel any more.',
  cancelled: 'The shipment was cancelled.',
};

/** What only works on a parcel that is still here was asked of one that is not. */
export class ShipmentNotHereError extends Error {
  override name = 'ShipmentNotHereError';
  constructor(readonly status: ShipmentStatus) {
    super(WHY[status]);
  }
}
