import { NotYet, Refusal } from '@past-tense/commands';
import type { Transaction } from '@past-tense/database';
import type { Decision, Shipment, ShipmentStatus } from '../domain/shipment';
import { ShipmentNotHereError } from '../domain/shipment.errors';
import type { ShipmentRepository } from '../storage/shipment.repository';

const REASONS: Record<Exclude<ShipmentStatus, 'planned'>, string> = {
  'handing-over': 'SHIPMENT_BEING_HANDED_OVER',
  dispatched: 'SHIPMENT_DISPATCHED',
  delivered: 'SHIPMENT_DELIVERED',
  rejected: 'SHIPMENT_REJECTED',
  cancelled: 'SHIPMENT_CANCELLED',
};

/**
 * Changes the shipment of an order because somebody asked for it.
 * @throws Refusal if the parcel is not here any more; NotYet if the order has not been heard of
 */
export async function changeForCommand(
  shipments: ShipmentRepository,
  transaction: Transaction,
  orderId: string,
  decide: (shipment: Shipment) => Decision,
): Promise<{ shipmentId: string }> {
  // Commands and events travel on different ways, so a command may be here before the order that it is about.
  if (!(await shipments.findByOrder(transaction, orderId)))
    throw new NotYet('ORDER_NOT_HEARD_OF', 'Nothing has been heard of the order yet; ask again in a moment.');
  try {
    return { shipmentId: (await shipments.change(transaction, orderId, decide)).id };
  } catch (error) {
    if (!(error instanceof ShipmentNotHereError) || error.status === 'planned') throw error;
    throw new Refusal(REASONS[error.status], error.message);
  }
}
