import { Problem } from '@past-tense/service';

/** Somebody else's order is answered like one that does not exist: whether it exists is nobody else's business. */
export function orderNotFound(orderId: string): Problem {
  return new Problem(404, 'order-not-found', 'Order not found', `There is no order ${orderId}.`);
}
