import { Problem } from '@past-tense/service';
import type { Resending } from '../deliveries/deliveries';

/** Another owner's subscription is answered exactly like one that does not exist. */
export function noSubscription(id: string): Problem {
  return new Problem(404, 'subscription-not-found', 'Subscription not found', `There is no subscription ${id}.`);
}

/**
 * Tells the caller why a delivery is not sent again.
 * @throws Problem unless it is
 */
export function requireAccepted(resending: Resending, id: string): void {
  switch (resending) {
    case 'accepted':
      return;
    case 'unknown':
      throw new Problem(404, 'delivery-not-found', 'Delivery not found', `There is no delivery ${id}.`);
    case 'delivered':
      throw new Problem(409, 'already-delivered', 'Already delivered', 'The receiver has taken this delivery; it is not sent again.');
    case 'disabled':
      throw new Problem(
        409,
        'subscription-disabled',
        'Subscription disabled',
        'The subscription is disabled; set its status to active first.',
      );
  }
}
