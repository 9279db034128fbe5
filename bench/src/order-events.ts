import { fact, OrderCompleted, OrderPlaced, topicOf } from '@past-tense/contracts';
import { newId } from '@past-tense/envelope';
import type { PersonalData } from '@past-tense/privacy';
import { aRecord } from '@past-tense/testing';
import { Kafka, logLevel, type Message } from 'kafkajs';
import { orderPlaced } from './orders';
import { customersOf } from './personal';

/** The topic the events travel on. Its name is part of the contract: a consumer takes them from no other one. */
export const ORDER_COMPLETED = topicOf(OrderCompleted).name;

export const ORDER_PLACED = topicOf(OrderPlaced).name;

const BATCH = 500;
/** How long a transaction may be open, milliseconds: filling a topic takes a while. */
const OPEN_MS = 300_000;

/** The event that an order was completed, as its service publishes it, many times; those of one aggregate have ascending versions. */
export function* orderEvents(count: number, aggregates: number): Generator<Message> {
  for (let i = 0; i < count; i += 1) {
    const orderId = `019aa000-0000-7000-8000-${(i % aggregates).toString(16).padStart(12, '0')}`;
    const { key, value, headers } = aRecord(fact(OrderCompleted, { orderId }), { aggregateVersion: 1 + Math.floor(i / aggregates) });
    yield { key, value, headers };
  }
}

/** The event that an order was placed, many times, each of an order of its own; sealed for customers who are known, if there is something to seal it with. */
export async function placedEvents(count: number, personal?: PersonalData): Promise<Message[]> {
  const customers = customersOf('known customers');
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const eventId = newId();
      const { type, data } = orderPlaced(newId(), customers());
      const { key, value, headers } = aRecord({ type, data: personal ? await personal.sealEvent(type, data, eventId) : data }, { eventId });
      return { key, value, headers };
    }),
  );
}

/** Publishes events; they are seen one batch after the other. */
export async function publish(broker: string, topic: string, messages: Iterable<Message>): Promise<void> {
  const producer = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  try {
    for (const batch of batches(messages)) await producer.sendBatch({ acks: -1, topicMessages: [{ topic, messages: batch }] });
  } finally {
    await producer.disconnect();
  }
}

/**
 * Publishes events in a transaction of Kafka that is left open: no consumer sees any of them until it is committed, and then all of them are there
 * at once. So a consumer that has joined its group and waits begins with a full topic.
 * @returns commits
 */
export async function publishUnseen(broker: string, topic: string, messages: Iterable<Message>): Promise<() => Promise<void>> {
  const client = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING });
  const producer = client.producer({
    transactionalId: `bench-${topic}`,
    idempotent: true,
    maxInFlightRequests: 1,
    transactionTimeout: OPEN_MS,
  });
  await producer.connect();
  try {
    const transaction = await producer.transaction();
    for (const batch of batches(messages)) await transaction.sendBatch({ acks: -1, topicMessages: [{ topic, messages: batch }] });
    return async () => {
      await transaction.commit();
      await producer.disconnect();
    };
  } catch (error) {
    await producer.disconnect();
    throw error;
  }
}

function* batches(messages: Iterable<Message>): Generator<Message[]> {
  let batch: Message[] = [];
  for (const message of messages) {
    batch.push(message);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
