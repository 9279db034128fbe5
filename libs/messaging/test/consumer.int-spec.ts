import { decode, fact, OrderCompleted, OrderPlaced, PaymentDeclined, topicOf } from '@past-tense/contracts';
import { newId } from '@past-tense/envelope';
import { aRecord, eventually, uniqueName } from '@past-tense/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { applyTopics, KafkaProducer, readTopic, type AnyReaction, type Event } from '../src/index';
import {
  committedOffsets,
  completed,
  consumers,
  database,
  DAY_MS,
  deadLetters,
  effect,
  effects,
  kafka,
  keeping,
  lag,
  newIds,
  newName,
  plain,
  producer,
  record,
  said,
  start,
  topic,
  useConsumers,
} from './consumers';

useConsumers();

describe('a consumer', () => {
  it('gives the reaction the event in its envelope, once per event however often it is delivered (D1)', async () => {
    const name = await newName();
    const seen: Event<OrderCompleted>[] = [];
    await start(
      name,
      keeping(name, (event) => seen.push(event)),
    );
    const sent = record(newId(), { aggregateVersion: 2 });
    await producer.publish([sent, sent, sent, record(newId())]);

    await eventually(async () => expect(await lag(name)).toBe(0));
    expect(await effects(name)).toHaveLength(2);
    expect(seen).toHaveLength(2);
    expect(seen.find(({ eventId }) => eventId === sent.headers['ce_id'])).toMatchObject({
      correlationId: sent.headers['ce_correlationid'],
      aggregateVersion: 2,
      data: { orderId: sent.key },
    });
  });

  it('keeps the order of an aggregate and works on others meanwhile, as many as allowed', async () => {
    const name = await newName();
    let running = 0;
    let most = 0;
    const reaction = keeping(name, async () => {
      most = Math.max(most, ++running);
      await sleep(Math.random() * 10);
      running -= 1;
    });
    await start(name, reaction, { groupCommit: 1 }); // Events of a group are worked on one after the other.
    const ids = newIds(20);
    const records = [1, 2, 3, 4, 5].flatMap((aggregateVersion) => ids.map((id) => record(id, { aggregateVersion })));
    await producer.publish(records);

    await eventually(async () => expect(await effects(name)).toHaveLength(100));
    for (const id of ids)
      expect((await effects(name)).filter((row) => row.order_id === id).map((row) => row.version)).toEqual([1, 2, 3, 4, 5]);
    expect(most).toBe(5);
  });

  it('logs every message it handles, with its ids (V2)', async () => {
    const name = await newName();
    await start(name, keeping(name));
    const sent = record(newId());
    await producer.publish([sent]);

    await eventually(() =>
      expect(said).toContainEqual(expect.objectContaining({ msg: 'handled order-completed', result: 'applied', topic: topic.name })),
    );
  });
});

describe('a failing event', () => {
  it('is tried again in place, then moved to the dead-letter topic as it came; the others flow on (D4, D6)', async () => {
    const name = await newName();
    const [bad, good] = [newId(), newId()];
    let attempts = 0;
    const reaction = keeping(name, ({ data }) => {
      if (data.orderId !== bad) return;
      attempts += 1;
      throw new TypeError('undefined is not a function');
    });
    await start(name, reaction);
    const poison = { ...record(bad), headers: { ...record(bad).headers, custom: 'kept' } };
    await producer.publish([poison, record(good)]);

    const [letter] = await eventually(async () => {
      const letters = await deadLetters(name);
      expect(letters).toHaveLength(1);
      return letters;
    });
    expect(attempts).toBe(6); // Three in place, one after each tier.
    expect(letter!.value).toEqual(poison.value);
    expect(letter!.key?.toString()).toBe(bad);
    const headers = Object.fromEntries(Object.entries(letter!.headers).map(([header, value]) => [header, String(value)]));
    expect(headers).toMatchObject({
      ...poison.headers,
      pt_reason: 'FAILED',
      pt_attempts: '6',
      pt_error_class: 'TypeError',
      pt_source_topic: topic.name,
      pt_consumer: name,
    });
    expect(await effects(name)).toEqual([{ order_id: good, version: 1 }]);
    await eventually(async () => expect(await lag(name)).toBe(0));
    expect(await database.query({ name: 'claims', text: 'SELECT 1 FROM processed_events WHERE consumer = $1' }, [name])).toHaveLength(1);
  });

  it('succeeds when a later attempt does', async () => {
    const name = await newName();
    let attempts = 0;
    await start(
      name,
      keeping(name, () => {
        if (++attempts < 3) throw new Error('not yet');
      }),
    );
    await producer.publish([record(newId())]);

    await eventually(async () => expect(await effects(name)).toHaveLength(1));
    expect(attempts).toBe(3);
  });

  it('is not burnt while something it needs is away (D5)', async () => {
    const name = await newName();
    let attempts = 0;
    await start(
      name,
      keeping(name, () => {
        if (++attempts <= 5) throw Object.assign(new Error('the provider is away'), { failure: 'unavailable' });
      }),
    );
    await producer.publish([record(newId())]);

    await eventually(async () => expect(await effects(name)).toHaveLength(1));
    expect(attempts).toBe(6);
    expect(await deadLetters(name)).toEqual([]);
  });

  it('blocks neither other aggregates nor other partitions, and its offset is not passed', async () => {
    const name = await newName();
    const stuck = newId();
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    await start(
      name,
      keeping(name, ({ data }) => (data.orderId === stuck ? held : undefined)),
    );
    const before = await committedOffsets(name);
    await producer.publish([record(stuck)]);
    await eventually(async () => expect(await lag(name)).toBe(1));
    const others = newIds(300);
    for (let i = 0; i < 3; i += 1) await producer.publish(others.slice(i * 100, i * 100 + 100).map((id) => record(id)));

    await eventually(async () => expect(await effects(name)).toHaveLength(300));
    const after = await eventually(async () => {
      const offsets = await committedOffsets(name);
      expect([...offsets].filter(([partition, offset]) => offset > before.get(partition)!)).toHaveLength(topic.partitions - 1);
      return offsets;
    });
    expect([...after].filter(([partition, offset]) => offset === before.get(partition))).toHaveLength(1);
    release();
    await eventually(async () => expect(await lag(name)).toBe(0));
  });
});

describe('an invalid message is dead-lettered at once with the reason', () => {
  const id = newId();
  const sent = record(id);
  const headers = (change: Record<string, string | undefined>) => ({
    ...sent,
    headers: Object.fromEntries(Object.entries({ ...sent.headers, ...change }).filter(([, value]) => value !== undefined)) as Record<
      string,
      string
    >,
  });
  const declined = aRecord(fact(PaymentDeclined, { paymentId: newId(), orderId: newId(), reason: 1 }));

  it.each([
    ['without headers', { ...sent, headers: {} }, 'header ce_specversion is missing'],
    ['without a required header', headers({ ce_correlationid: undefined }), 'header ce_correlationid is missing'],
    ['with a malformed header', headers({ ce_sequence: 'many' }), 'header ce_sequence must be a positive integer'],
    ['of an unknown type', headers({ ce_type: 'order.v9.OrderImagined' }), 'nothing here reacts to the type order.v9.OrderImagined'],
    ['of a type it does not react to', headers({ ce_type: OrderPlaced.typeName }), 'nothing here reacts to the type order.v1.OrderPlaced'],
    ['without a value', { ...sent, value: null }, 'the message has no value'],
    ['with random bytes', { ...sent, value: Buffer.from('9f3c01', 'hex') }, 'the value does not start with the schema frame'],
    ['with what a database cannot hold', { ...sent, headers: { ...sent.headers, ce_type: 'a\0b', 'x\0y': 'z' } }, 'header ce_type must be'],
    [
      'with names and values of headers that code stumbles over',
      { ...sent, headers: { constructor: 'x', toString: 'y', pt_due_at: '9999-12-31T00:00:00Z', pt_copy: 'x' } },
      'header ce_specversion is missing',
    ],
    ['as large as Kafka takes', { ...sent, value: Buffer.alloc(1_045_000, 1) }, 'the value does not start with the schema frame'],
    ['truncated', { ...sent, value: sent.value.subarray(0, 12) }, 'the value is not a order.v1.OrderCompleted'],
    ['with another payload', { ...sent, value: declined.value }, 'header ce_subject is not'],
    [
      'that breaks a rule of its contract',
      { ...sent, value: aRecord(completed('x')).value },
      'order.v1.OrderCompleted is not valid: order_id',
    ],
    ['under another key', { ...sent, key: newId() }, 'the Kafka key is not the payload'],
    ['without a key', { ...sent, key: null }, 'the Kafka key is not the payload'],
    [
      'older than what is remembered',
      headers({ ce_id: '01890000-0000-7000-8000-000000000000' }),
      'remembers processed events for 120 days',
    ],
  ])('%s', async (_, message, reason) => {
    const name = await newName();
    const reacted = jest.fn();
    await start(name, keeping(name, reacted));
    await producer.publish([message, record(newId())]);

    const [letter] = await eventually(async () => {
      const letters = await deadLetters(name);
      expect(letters).toHaveLength(1);
      return letters;
    });
    expect(String(letter!.headers['pt_error_message'])).toContain(reason);
    expect(String(letter!.headers['pt_reason'])).toBe('INVALID');
    expect(letter!.value).toEqual(message.value);
    await eventually(async () => expect(await lag(name)).toBe(0));
    expect(reacted).toHaveBeenCalledTimes(1);
  });
});

describe('a reaction that calls outside', () => {
  it('intends, calls and records in steps, and a crash between them is repaired with the same intent (D2)', async () => {
    const name = await newName();
    const calls: string[] = [];
    let crashes = 2;
    await start(name, {
      intend: async (event) => `key-${event.data.orderId}`,
      call: async (key: string) => {
        calls.push(key);
        if (calls.length === 1) throw Object.assign(new Error('answered, but too late'), { failure: 'unavailable' });
        return 'done';
      },
      record: async (event, outcome: string, transaction) => {
        await transaction.query(effect, [name, outcome + event.data.orderId, 1]);
        if (crashes-- > 1) throw new Error('crash before the commit');
      },
    } as AnyReaction<OrderCompleted>);
    const id = newId();
    await producer.publish([record(id)]);

    await eventually(async () => expect(await effects(name)).toEqual([{ order_id: `done${id}`, version: 1 }]));
    expect(new Set(calls)).toEqual(new Set([`key-${id}`]));
    expect(calls).toHaveLength(3);
  });

  it('is not called for a duplicate, nor when there is nothing to ask', async () => {
    const name = await newName();
    const call = jest.fn();
    const recorded = jest.fn();
    const silent = newId();
    await start(name, {
      intend: async (event) => (event.data.orderId === silent ? undefined : 'ask'),
      call,
      record: recorded,
    } as AnyReaction<OrderCompleted>);
    const asked = record(newId());
    await producer.publish([asked, asked, record(silent)]);

    await eventually(async () => expect(await lag(name)).toBe(0));
    expect(call).toHaveBeenCalledTimes(1);
    expect(recorded).toHaveBeenCalledTimes(1);
  });
});

describe('stopping and rebalancing (D7)', () => {
  it('lets what runs finish, and what has not begun goes to the next', async () => {
    const name = await newName();
    const first = await start(
      name,
      keeping(name, () => sleep(50)),
    );
    const ids = newIds(100);
    await producer.publish(ids.map((id) => record(id)));
    await eventually(async () => expect((await effects(name)).length).toBeGreaterThan(5));
    await first.stop();
    const handled = (await effects(name)).length;
    expect(handled).toBeLessThan(100);

    await start(name, keeping(name));
    await eventually(async () => expect(await lag(name)).toBe(0));
    expect((await effects(name)).map((row) => row.order_id).sort()).toEqual([...ids].sort());
  });

  it('does not wait for ever for a handler that hangs', async () => {
    const name = await newName();
    const hanging = await start(name, { react: () => new Promise<never>(() => undefined) });
    await producer.publish([record(newId())]);
    await sleep(500);

    await hanging.stop();
    consumers.splice(0);
  });

  it('loses nothing and repeats no effect while members come and go', async () => {
    const name = await newName();
    const ids = newIds(60);
    const versions = 10;
    const members = [
      await start(
        name,
        keeping(name, () => sleep(5)),
      ),
    ];
    const sending = (async () => {
      for (let version = 1; version <= versions; version += 1) {
        await producer.publish(ids.map((id) => record(id, { aggregateVersion: version })));
        await sleep(250);
      }
    })();
    members.push(
      await start(
        name,
        keeping(name, () => sleep(5)),
      ),
    );
    members.push(
      await start(
        name,
        keeping(name, () => sleep(5)),
      ),
    );
    await members[0]!.stop();
    await sleep(500);
    await members[1]!.stop();
    await sending;

    await eventually(async () => expect(await lag(name)).toBe(0), 60_000);
    const rows = await effects(name);
    for (const id of ids)
      expect(rows.filter((row) => row.order_id === id).map((row) => row.version)).toEqual(
        Array.from({ length: versions }, (_, i) => i + 1),
      );
  });

  it('keeps its membership while a handler works for longer than the session lasts', async () => {
    const name = await newName();
    let started = 0;
    await start(
      name,
      keeping(name, async () => {
        started += 1;
        await sleep(12_000);
      }),
      { database },
    );
    await producer.publish([record(newId())]);

    // The transaction of such a handler is ended by PostgreSQL, which is why nothing slow belongs into one.
    await eventually(() => expect(started).toBe(1));
    await sleep(11_000);
    expect(consumers[0]!.joined).toBe(true);
    expect(said.filter(({ msg }) => /rebalanc|re-joining|coordinator/.test(msg))).toEqual([]);
  });
});

describe('what the Kafka client would let through', () => {
  it('a consumer it has given up on says so', async () => {
    const name = await newName();
    const other = plain.consumer({
      groupId: name,
      partitionAssigners: [
        () => ({ name: 'Peculiar', version: 1, protocol: () => ({ name: 'Peculiar', metadata: Buffer.alloc(0) }), assign: async () => [] }),
      ],
    });
    await other.connect();
    await other.subscribe({ topic: topic.name });
    const joined = new Promise((resolve) => other.on('consumer.group_join', resolve));
    await other.run({ eachMessage: async () => undefined });
    await joined;
    const onFatal = jest.fn();

    await expect(start(name, keeping(name), { onFatal })).rejects.toThrow(`The Kafka consumer ${name} has given up`);
    expect(onFatal).toHaveBeenCalledTimes(1);
    await other.disconnect();
  });

  it('events that Kafka deleted before they were consumed are noticed', async () => {
    const name = await newName();
    const own = topicOf(PaymentDeclined);
    await applyTopics(kafka, [own], 1);
    const paymentId = newId();
    const declined = () => aRecord(fact(PaymentDeclined, { paymentId, orderId: newId(), reason: 1 }));
    const handled: string[] = [];
    const options = {
      topics: [own.name],
      reactions: new Map([
        [PaymentDeclined, { react: async (event: Event<PaymentDeclined>) => void handled.push(event.eventId) } as AnyReaction<never>],
      ]),
    };
    const first = await start(name, keeping(name), options);
    await producer.publish([declined()]);
    await eventually(() => expect(handled).toHaveLength(1));
    await first.stop();
    await producer.publish([declined(), declined(), declined()]);
    const admin = plain.admin();
    await admin.connect();
    const { partition, high } = (await admin.fetchTopicOffsets(own.name)).find((offsets) => offsets.high !== '0')!;
    await admin.deleteTopicRecords({ topic: own.name, partitions: [{ partition, offset: String(Number(high) - 1) }] });
    await admin.disconnect();

    await start(name, keeping(name), options);
    await eventually(() => expect(handled).toHaveLength(2));
    expect(said).toContainEqual(expect.objectContaining({ msg: 'Kafka has deleted events before they were consumed', lost: 2 }));
  });

  it('after a topic was deleted, sends to another one still succeed, and one to the deleted topic is refused for good', async () => {
    const [deleted, next] = [uniqueName('deleted'), uniqueName('next')];
    const spec = { partitions: 1, retentionMs: DAY_MS, cleanup: 'delete' as const };
    await applyTopics(kafka, [{ name: deleted, ...spec }], 1);
    const own = new KafkaProducer(kafka);
    const message = (to: string) => ({ topic: to, key: 'k', value: Buffer.from('v'), headers: {} });
    await own.publish([message(deleted)]);
    const admin = plain.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [deleted] });
    await applyTopics(kafka, [{ name: next, ...spec }], 1);
    await admin.disconnect();

    await own.publish([message(next)]);
    expect(await readTopic(kafka, next)).toHaveLength(1);
    await expect(own.publish([message(deleted)])).rejects.toThrow(expect.objectContaining({ name: 'RecordRejectedError' }) as Error);
    await own.publish([message(next)]);
    await own.disconnect();
  });

  it('an idle client does not wake a thousand times a second', async () => {
    const own = new KafkaProducer(kafka);
    await own.publish([record(newId())]);
    const timers = jest.spyOn(globalThis, 'setTimeout');
    await sleep(300);
    const ours = timers.mock.calls.filter(([, ms]) => ms === undefined || ms <= 0);
    timers.mockRestore();
    await own.disconnect();

    expect(ours.length).toBeLessThan(10);
  });

  it('a partition count that differs is refused with the reason (T3)', async () => {
    const changed = [{ name: topic.name, partitions: 24, retentionMs: topic.retentionMs, cleanup: topic.cleanup }];

    await expect(applyTopics(kafka, changed, 1)).rejects.toThrow(
      'Topic order-completed has 12 partitions and is declared with 24. A change would send later events of an aggregate to another partition',
    );
  });

  it('settings are brought into line, and applying them twice changes nothing', async () => {
    const name = uniqueName('settings');
    const spec = { name, partitions: 2, retentionMs: DAY_MS, cleanup: 'delete' as const };

    expect(await applyTopics(kafka, [spec], 1)).toEqual([{ topic: name, change: 'created with 2 partitions' }]);
    expect(await applyTopics(kafka, [spec], 1)).toEqual([]);
    expect(await applyTopics(kafka, [{ ...spec, retentionMs: 2 * DAY_MS }], 1)).toEqual([
      { topic: name, change: 'retention.ms is now 172800000' },
    ]);
    expect(await applyTopics(kafka, [{ ...spec, retentionMs: 2 * DAY_MS }], 1)).toEqual([]);
  });

  it('decodes what it wrote', () => {
    const sent = record(newId());
    expect(decode(OrderCompleted, sent.value)).toEqual(completed(sent.key).data);
  });
});
