import { newId } from '@past-tense/envelope';
import { Kafka, logLevel } from 'kafkajs';
import { Client } from 'pg';
import { insertEffect } from '../effects';
import { memoryRecords } from '../records';
import { program } from '../program';
import type { StackAccess } from '../running-stack';
import { percentiles } from '../statistics';

export interface OrderFloorOptions extends StackAccess {
  /** An empty database on the same PostgreSQL. */
  readonly url: string;
  readonly orders: number;
  readonly warmUp: number;
}

const TOPIC = 'bench-order-floor';
const ADDRESS = { recipient: 'Ada', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' };

/**
 * The least that the way of an order from its request to its completion can take: order-placed, payment-captured and shipment-dispatched go from one
 * database to the next, and two of those who hear of them ask the sandbox.
 */
program(async ({ url, broker, sandboxUrl, orders, warmUp }: OrderFloorOptions) => {
  const database = new Client({ connectionString: url });
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING });
  const [admin, producer] = [kafka.admin(), kafka.producer()];
  await Promise.all([database.connect(), admin.connect(), producer.connect()]);
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 12 }] });
  await database.query('CREATE TABLE effects (event_id uuid PRIMARY KEY, order_id uuid NOT NULL)');

  const commit = async (orderId: string) => {
    await database.query('BEGIN');
    await database.query({ ...insertEffect, values: [newId(), orderId] });
    await database.query('COMMIT');
  };
  const hop = async (orderId: string) => {
    await commit(orderId);
    await producer.send({ topic: TOPIC, acks: -1, messages: memoryRecords(1, 1).map((record) => ({ ...record, key: orderId })) });
    await commit(orderId);
  };
  const ask = async (path: string, key: string, body: object) => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    const answer = await fetch(`${sandboxUrl}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (answer.status !== 201) throw new Error(`The sandbox answered with ${answer.status}.`);
    await answer.json();
  };
  const follow = async (count: number) => {
    const [whole, hops, calls]: number[][] = [[], [], []];
    const timed = async (tookMs: number[], work: Promise<void>, startedAt = performance.now()) => {
      await work;
      tookMs.push(performance.now() - startedAt);
    };
    for (let i = 0; i < count; i += 1) {
      const orderId = newId();
      const startedAt = performance.now();
      await timed(hops!, hop(orderId));
      const amount = { minorUnits: 3_499, currency: 'EUR' };
      await timed(calls!, ask('/payments/captures', `capture-${orderId}`, { orderId, amount, token: 'tok_visa' }));
      await timed(hops!, hop(orderId));
      await timed(calls!, ask('/carrier/parcels', `parcel-${orderId}`, { orderId, address: ADDRESS }));
      await timed(hops!, hop(orderId));
      whole!.push(performance.now() - startedAt);
    }
    return { ...percentiles(whole!), hopP50Ms: percentiles(hops!).p50Ms, callP50Ms: percentiles(calls!).p50Ms };
  };
  await follow(warmUp);
  return {
    run: async () => ({ events: orders, values: await follow(orders) }),
    async end() {
      await Promise.all([admin.disconnect(), producer.disconnect(), database.end()]);
    },
  };
});
