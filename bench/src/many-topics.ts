import {
  DeliveryAddressChanged,
  fact,
  OrderCancelled,
  OrderCancelled_Reason,
  OrderCompleted,
  PaymentCaptured,
  PaymentDeclined,
  PaymentDeclined_Reason,
  PaymentRefunded,
  ShipmentCancelled,
  ShipmentDelivered,
  ShipmentDispatched,
  ShipmentRejected,
  ShipmentRejected_Reason,
  topicOf,
  type Fact,
} from '@past-tense/contracts';
import { aRecord } from '@past-tense/testing';
import type { Message } from 'kafkajs';

const amount = { minorUnits: 6_899n, currency: 'EUR' };

/** A fact on each of ten topics, about the aggregate of an id. */
const FACTS: readonly ((id: string) => Fact)[] = [
  (orderId) => fact(OrderCompleted, { orderId }),
  (orderId) => fact(OrderCancelled, { orderId, reason: OrderCancelled_Reason.CUSTOMER_REQUEST }),
  (id) => fact(PaymentCaptured, { paymentId: id, orderId: id, amount, providerReference: 'cap_1' }),
  (id) => fact(PaymentDeclined, { paymentId: id, orderId: id, reason: PaymentDeclined_Reason.INSUFFICIENT_FUNDS }),
  (id) => fact(PaymentRefunded, { paymentId: id, orderId: id, amount, providerReference: 'ref_1' }),
  (id) => fact(ShipmentDispatched, { shipmentId: id, orderId: id, trackingNumber: 'PT1' }),
  (id) => fact(ShipmentRejected, { shipmentId: id, orderId: id, reason: ShipmentRejected_Reason.UNDELIVERABLE }),
  (id) => fact(ShipmentCancelled, { shipmentId: id, orderId: id }),
  (id) => fact(ShipmentDelivered, { shipmentId: id, orderId: id }),
  (id) => fact(DeliveryAddressChanged, { shipmentId: id, orderId: id }),
];

/** The events on those topics. */
export const EVENTS = FACTS.map((of) => of('').type);
export const TOPICS_WITH_EVENTS = EVENTS.map((event) => topicOf(event).name);

/**
 * Events of many aggregates, each of which has one topic; those of one have ascending versions.
 * @param topics how many of the topics have events, ten at most
 * @returns them, by topic
 */
export function eventsByTopic(events: number, aggregates: number, topics: number): ReadonlyMap<string, readonly Message[]> {
  const byTopic = new Map<string, Message[]>(TOPICS_WITH_EVENTS.slice(0, topics).map((topic) => [topic, []]));
  for (let i = 0; i < events; i += 1) {
    const aggregate = i % aggregates;
    const id = `019aa000-0000-7000-8000-${aggregate.toString(16).padStart(12, '0')}`;
    const { topic, key, value, headers } = aRecord(FACTS[aggregate % topics]!(id), { aggregateVersion: 1 + Math.floor(i / aggregates) });
    byTopic.get(topic)!.push({ key, value, headers });
  }
  return byTopic;
}
