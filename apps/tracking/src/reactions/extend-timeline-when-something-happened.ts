import { Injectable } from '@nestjs/common';
import {
  DeliveryAddressChanged,
  OrderCancelled,
  OrderCompleted,
  OrderPlaced,
  OrderPlacedV2,
  PaymentCaptured,
  PaymentDeclined,
  PaymentRefunded,
  ShipmentCancelled,
  ShipmentDelivered,
  ShipmentDispatched,
  ShipmentRejected,
  topicOfType,
} from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type BatchReaction, type Event, type Shadowed } from '@past-tense/messaging';
import type { TimelineEntry } from '../domain/timeline';
import { TimelineRepository } from '../storage/timeline.repository';

/** Every fact says which order it is about. */
type AboutAnOrder =
  | OrderPlaced
  | OrderPlacedV2
  | OrderCompleted
  | OrderCancelled
  | PaymentCaptured
  | PaymentDeclined
  | PaymentRefunded
  | ShipmentDispatched
  | ShipmentRejected
  | ShipmentDelivered
  | ShipmentCancelled
  | DeliveryAddressChanged;

@Injectable()
@ReactsTo(
  OrderPlaced,
  OrderPlacedV2,
  OrderCompleted,
  OrderCancelled,
  PaymentCaptured,
  PaymentDeclined,
  PaymentRefunded,
  ShipmentDispatched,
  ShipmentRejected,
  ShipmentDelivered,
  ShipmentCancelled,
  DeliveryAddressChanged,
)
export class ExtendTimelineWhenSomethingHappened implements BatchReaction<AboutAnOrder>, Shadowed<AboutAnOrder> {
  constructor(private readonly timeline: TimelineRepository) {}

  async react(event: Event<AboutAnOrder>, transaction: Transaction): Promise<void> {
    await this.timeline.add(transaction, [entryOf(event)]);
  }

  async reactToAll(events: readonly Event<AboutAnOrder>[], transaction: Transaction): Promise<void> {
    await this.timeline.add(transaction, events.map(entryOf));
  }

  async outcome({ eventId }: Event<AboutAnOrder>, transaction: Transaction): Promise<unknown> {
    const entry = await this.timeline.find(transaction, eventId);
    return entry && { orderId: entry.orderId, customerId: entry.customerId, aggregateVersion: entry.aggregateVersion };
  }

  async undo({ eventId }: Event<AboutAnOrder>, transaction: Transaction): Promise<void> {
    await this.timeline.forget(transaction, eventId);
  }
}

function entryOf(event: Event<AboutAnOrder>): TimelineEntry {
  const { eventId, eventType, aggregateId, aggregateVersion, correlationId, causationId, producer, traceparent } = event;
  return {
    eventId,
    orderId: event.data.orderId,
    customerId: 'customerId' in event.data ? event.data.customerId : null,
    topic: topicOfType(eventType)!.name,
    eventType,
    aggregateId,
    aggregateVersion,
    correlationId,
    causationId,
    producer: `${producer.name}/${producer.version}`,
    traceId: traceparent.split('-')[1]!,
    occurredAt: new Date(event.occurredAt),
    publishedAt: new Date(event.publishedAt),
  };
}
