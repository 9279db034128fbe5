import { mayActFor, type Principal } from '@past-tense/auth';
import { Problem } from '@past-tense/service';
import type { KnownOrder } from '../storage/order.repository';

/**
 * An order that the caller may see and change.
 * @throws Problem 404 if there is none. Somebody else's is answered like one that does not exist: whether it exists is nobody else's business
 */
export function ownOrder(found: KnownOrder | null, orderId: string, caller: Principal): KnownOrder {
  if (found && mayActFor(caller, found.order.customerId)) return found;
  throw new Problem(404, 'order-not-found', 'Order not found', `There is no order ${orderId}.`);
}
