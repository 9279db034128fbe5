import { create, toBinary, fromBinary } from '@bufbuild/protobuf';
import { fact, knownOrderCancelledReason, OrderCancelled, OrderCancelled_Reason, topicOf } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { aRecord, eventually } from '@past-tense/testing';
import { DeadLetters, type AnyReaction, type Event } from '../src/index';
import { database, deadLetters, effect, effects, emptyTopics, heldBy, newIds, newName, producer, start, useConsumers } from './consumers';

useConsumers();

const cancelled = topicOf(OrderCancelled);
/** A value that a later build may give a meaning. */
const LATER = 77 as OrderCancelled_Reason;

const record = (orderId: string, reason: OrderCancelled_Reason, aggregateVersion = 1) =>
  aRecord(fact(OrderCancelled, { orderId, reason }), { aggregateVersion });

async function consume(name: string, work: (event: Event<OrderCancelled>) => number): Promise<void> {
  const reaction = {
    async react(event: Event<OrderCancelled>, transaction: Transaction) {
      await transaction.query(effect, [name, event.data.orderId, work(event)]);
    },
  } as AnyReaction<never>;
  await emptyTopics(cancelled.name);
  await start(name, reaction, { topics: [cancelled.name], reactions: new Map([[OrderCancelled, reaction]]) });
}

describe('a value that was added to an enum after a consumer was built (S2)', () => {
  it('is dead-lettered under a reason of its own where the consumer branches on it, at once, and what follows waits behind it', async () => {
    const name = await newName();
    const [unknown, known] = newIds(2);
    await consume(name, ({ data }) => knownOrderCancelledReason(data.reason));
    const sent = record(unknown!, LATER);
    await producer.publish([
      sent,
      record(known!, OrderCancelled_Reason.UNDELIVERABLE),
      record(unknown!, OrderCancelled_Reason.UNDELIVERABLE, 2),
    ]);

    await eventually(async () => expect(await deadLetters(name)).toHaveLength(1));
    const [letter] = await deadLetters(name);
    expect(letter!.value).toEqual(sent.value);
    expect(Object.fromEntries(Object.entries(letter!.headers).map(([header, value]) => [header, String(value)]))).toMatchObject({
      pt_reason: 'UNKNOWN_VALUE',
      pt_attempts: '1',
      pt_error_class: 'UnknownValueError',
      pt_error_message: 'order.v1.OrderCancelled.Reason has the value 77, which this build does not know',
    });
    await eventually(async () =>
      expect(await heldBy(name)).toMatchObject([
        { aggregate_id: unknown, version: '1', place: 'dlq', reason: 'UNKNOWN_VALUE' },
        { aggregate_id: unknown, version: '2', place: 'behind', reason: 'BEHIND' },
      ]),
    );
    expect(await effects(name)).toEqual([{ order_id: known, version: OrderCancelled_Reason.UNDELIVERABLE }]);
  });

  it('takes effect once it was sent back to a build that knows it', async () => {
    const name = await newName();
    const orderId = newId();
    const knows = { later: false };
    await consume(name, ({ data }) => (knows.later ? data.reason : knownOrderCancelledReason(data.reason)));
    await producer.publish([record(orderId, LATER)]);
    await eventually(async () => expect(await deadLetters(name)).toHaveLength(1));

    knows.later = true;
    const letters = new DeadLetters(database, name);
    await letters.redrive({ reason: 'UNKNOWN_VALUE' }, { by: 'test', why: 'the new build knows it', ratePerSecond: 100 });

    await eventually(async () => expect(await effects(name)).toEqual([{ order_id: orderId, version: LATER }]));
  });

  it('passes where the consumer only shows it', async () => {
    const name = await newName();
    const orderId = newId();
    await consume(name, ({ data }) => data.reason);
    await producer.publish([record(orderId, LATER)]);

    await eventually(async () => expect(await effects(name)).toEqual([{ order_id: orderId, version: LATER }]));
  });

  it('that says nothing is refused by whoever consumes it', async () => {
    const name = await newName();
    await consume(name, ({ data }) => data.reason);
    await producer.publish([record(newId(), OrderCancelled_Reason.UNSPECIFIED)]);

    await eventually(async () => expect((await deadLetters(name)).map(({ headers }) => String(headers['pt_reason']))).toEqual(['INVALID']));
  });
});

it('a field that was added after a consumer was built survives it (S5)', () => {
  const field = Buffer.from([0x9a, 0x06, 3, 1, 2, 3]); // Field 99, three bytes.
  const bytes = Buffer.concat([toBinary(OrderCancelled, create(OrderCancelled, { orderId: newId(), reason: 2 })), field]);

  expect(Buffer.from(toBinary(OrderCancelled, fromBinary(OrderCancelled, bytes)))).toEqual(bytes);
});
