import { eventually, uniqueName } from '@past-tense/testing';
import { applyTopics, offsetsOf, OrderedReader, type OffsetRange, type StoredMessage } from '../src/index';
import { DAY_MS, kafka, plain, useConsumers } from './consumers';

useConsumers();

const BEGIN = Date.UTC(2026, 10, 20, 8);

async function topicWith(messages: { partition: number; value: string; timestamp: number }[]): Promise<string> {
  const name = uniqueName('ordered');
  await applyTopics(kafka, [{ name, partitions: 3, retentionMs: 90 * DAY_MS, cleanup: 'delete' }], 1);
  const producer = plain.producer();
  await producer.connect();
  for (let i = 0; i < messages.length; i += 5_000) {
    const part = messages.slice(i, i + 5_000);
    await producer.send({ topic: name, messages: part.map((message) => ({ ...message, timestamp: String(message.timestamp) })) });
  }
  await producer.disconnect();
  return name;
}

async function readAll(reader: OrderedReader, ranges: readonly OffsetRange[]): Promise<StoredMessage[]> {
  const read: StoredMessage[] = [];
  for await (const messages of reader.read(ranges)) read.push(...messages);
  return read;
}

const everything = async (...topics: string[]): Promise<OffsetRange[]> =>
  (await offsetsOf(kafka, topics)).map(({ low, high, ...partition }) => ({ ...partition, from: low, to: high }));

describe('reading in the order of publication', () => {
  it('merges the partitions of several topics by timestamp, each in the order of its offsets', async () => {
    const messages = Array.from({ length: 30_000 }, (_, i) => ({ partition: (i * 7) % 3, value: String(i), timestamp: BEGIN + i }));
    const [one, other] = [await topicWith(messages.filter((_, i) => i % 5 < 2)), await topicWith(messages.filter((_, i) => i % 5 >= 2))];
    const reader = await OrderedReader.open(kafka, uniqueName('reader'), [one, other]);

    const read = await readAll(reader, await everything(one, other));
    expect(read.map(({ value }) => Number(value))).toEqual(messages.map((_, i) => i));
    expect(read[4]).toMatchObject({ topic: other, timestampMs: BEGIN + 4 });

    // Again, and only a part of it.
    const [first, ...rest] = await everything(other);
    const part = await readAll(reader, [{ ...first!, from: 10n, to: 1_500n }, ...rest.map((range) => ({ ...range, from: range.to }))]);
    expect(part.map(({ offset }) => Number(offset))).toEqual(Array.from({ length: 1_490 }, (_, i) => i + 10));
    await reader.close();
  });

  it('keeps the order of a partition whose timestamps go back', async () => {
    const times = [5, 1, 9, 2, 2, 7];
    const topic = await topicWith(times.map((time) => ({ partition: 1, value: String(time), timestamp: BEGIN + time })));
    const reader = await OrderedReader.open(kafka, uniqueName('reader'), [topic]);

    expect((await readAll(reader, await everything(topic))).map(({ value }) => Number(value))).toEqual(times);
    await reader.close();
  });

  it('ends where only the marks of a transaction are left, and where everything was deleted', async () => {
    const topic = await topicWith([]);
    const producer = plain.producer({ transactionalId: uniqueName('transaction'), maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    for (const end of ['commit', 'abort'] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ partition: 0, value: end, timestamp: String(BEGIN) }] });
      await transaction[end]();
    }
    await producer.disconnect();
    // Kafka writes the mark of a transaction after it has answered that the transaction has ended.
    const range = await eventually(async () => {
      const [found] = await everything(topic);
      expect(found).toMatchObject({ from: 0n, to: 4n });
      return found!;
    });
    const reader = await OrderedReader.open(kafka, uniqueName('reader'), [topic]);

    expect((await readAll(reader, [range])).map(({ value }) => String(value))).toEqual(['commit']);

    const admin = plain.admin();
    await admin.connect();
    await admin.fetchTopicMetadata({ topics: [topic] });
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '4' }] });
    await admin.disconnect();
    expect(await readAll(reader, [range])).toEqual([]);
    await reader.close();
  });

  it('says what is wrong with a topic that is not there', async () => {
    await expect(OrderedReader.open(kafka, uniqueName('reader'), ['nowhere'])).rejects.toThrow('The topics nowhere cannot be read');
  });
});
