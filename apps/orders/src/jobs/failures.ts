import type { FailureCatalogue } from '@past-tense/jobs';
import type { CancellationReason } from '../domain/order';

/** Why jobs of orders fail. The codes are part of the API: they stay. */
export const failures = {
  'payment-declined': {
    meaning: 'The payment provider declined, so the order was cancelled and nothing was charged.',
    action: 'Place the order again with another means of payment.',
  },
  undeliverable: {
    meaning: 'The carrier does not deliver there, so the order was cancelled; what was charged is returned.',
    action: 'Place the order again with another address.',
  },
  'cancelled-on-request': {
    meaning: 'The order was cancelled as its customer wished; what was charged is returned.',
    action: 'Nothing is left to do. Place a new order if you have changed your mind.',
  },
  'shipment-not-here': {
    meaning: 'The parcel has left, or is being handed to the carrier.',
    action: 'Send the parcel back when it arrives, or refuse it at the door.',
  },
  'no-shipment': {
    meaning: 'There is no parcel any more: the shipment was cancelled, or the carrier does not deliver there.',
    action: 'Look at the order; place a new one if you still want the goods.',
  },
  'refused-by-shipping': {
    meaning: 'Shipping refused.',
    action: 'Read the detail; quote the correlation id to support if that does not help.',
  },
  'shipping-unreachable': {
    meaning: 'Shipping gave no answer for too long; nobody knows whether it was done.',
    action: 'Look at the order, and ask again if you still want to.',
  },
} satisfies FailureCatalogue;

export type FailureCode = keyof typeof failures;

/** The failure of the job that placed an order, by the reason why the order was cancelled. */
export const failureOf: Record<CancellationReason, FailureCode> = {
  'payment-declined': 'payment-declined',
  undeliverable: 'undeliverable',
  'customer-request': 'cancelled-on-request',
};
