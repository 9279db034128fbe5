import { fact, inVersions, OrderPlaced, OrderPlacedV2, topicOf, type Fact } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { Outbox } from '@past-tense/outbox';
import { newId } from '@past-tense/envelope';
import { DataKeys, keyPermissions, openKeyStore, PersonalData } from '@past-tense/privacy';
import { createLogger, inFlow } from '@past-tense/telemetry';
import { aRecord, eventually, testDatabase } from '@past-tense/testing';
import { ownTopics, readTopic, type AnyReaction, type Consumer, type Event, type Stage, type StoredMessage } from '../src/index';
import { effectiveVersion } from '../src/versions/stage';
import {
  consumers,
  database,
  deadLetters,
  effect,
  effects,
  emptyTopics,
  kafka,
  newIds,
  newName,
  plain,
  producer,
  said,
  start,
  useConsumers,
} from './consumers';

useConsumers();

type Placed = OrderPlaced | OrderPlacedV2;
const [v1, v2] = [topicOf(OrderPlaced), topicOf(OrderPlacedV2)];
const NAME = 'order.OrderPlaced';
const BOTH = [v1.eventType, v2.eventType];
const address = { recipient: 'Ada', street: '1 Road', city: 'Town', postalCode: '1010', country: 'AT' };

const placedV1 = (orderId: string, minorUnits = 500): Fact =>
  fact(OrderPlaced, {
    orderId,
    customerId: newId(),
    lines: [{ sku: 'A', quantity: 1, unitPrice: { minorUnits: BigInt(minorUnits), currency: 'EUR' } }],
    total: { minorUnits: BigInt(minorUnits), currency: 'EUR' },
    paymentToken: 'tok',
    deliveryAddress: address,
  });
const placedV2 = (orderId: string, minorUnits = 500): Fact =>
  fact(OrderPlacedV2, {
    orderId,
    customerId: newId(),
    lines: [{ sku: 'A', quantity: 1, unitPriceMinorUnits: BigInt(minorUnits) }],
    currency: 'EUR',
    totalMinorUnits: BigInt(minorUnits),
    paymentToken: 'tok',
    deliveryAddress: address,
  });
/** A fact as it is published in both versions. */
const twins = (orderId: string, eventId = newId()) => ({
  old: aRecord(placedV1(orderId), { eventId, alsoAs: [v2.eventType] }),
  new: aRecord(placedV2(orderId), { eventId, alsoAs: [v1.eventType] }),
});

const totalOf = (data: Placed) => Number(data.$typeName === 'order.v2.OrderPlaced' ? data.totalMinorUnits : data.total!.minorUnits);
const versionOf = ({ data }: Event<Placed>) => (data.$typeName === 'order.v2.OrderPlaced' ? 2 : 1);

/** Notes which version took effect; `version` of an effect says which. */
function noting(name: string, before: (event: Event<Placed>) => unknown = () => undefined) {
  const ofOrder = { name: 'effect-of', text: 'SELECT order_id FROM effects WHERE consumer = $1 AND order_id = $2' };
  const remove = { name: 'effect-remove', text: 'DELETE FROM effects WHERE consumer = $1 AND order_id = $2' };
  const totals = new Map<string, number>();
  return {
    async react(event: Event<Placed>, transaction: Transaction) {
      await before(event);
      totals.set(event.data.orderId, totalOf(event.data));
      await transaction.query(effect, [name, event.data.orderId, versionOf(event)]);
    },
    async outcome({ data }: Event<Placed>, transaction: Transaction) {
      const [row] = await transaction.query<{ order_id: string }>(ofOrder, [name, data.orderId]);
      return row && { orderId: row.order_id, money: { total: totals.get(data.orderId) } };
    },
    async undo({ data }: Event<Placed>, transaction: Transaction) {
      await transaction.query(remove, [name, data.orderId]);
    },
  };
}

/** A consumer name, with empty topics for both versions. */
async function newPlace(): Promise<string> {
  await emptyTopics(v1.name, v2.name);
  return await newName();
}

async function consume(name: string, stage: Stage, reaction: object = noting(name)): Promise<Consumer> {
  return await start(name, reaction as AnyReaction<never>, {
    topics: [v1.name, v2.name],
    reactions: new Map([OrderPlaced, OrderPlacedV2].map((event) => [event, reaction as AnyReaction<never>])),
    stages: new Map([[NAME, stage]]),
  });
}

/** Waits until a consumer has committed everything on both topics. */
async function untilDone(name: string): Promise<void> {
  const admin = plain.admin();
  await admin.connect();
  try {
    await eventually(async () => {
      for (const topic of [v1.name, v2.name]) {
        const ends = await admin.fetchTopicOffsets(topic);
        const [committed] = await admin.fetchOffsets({ groupId: name, topics: [topic] });
        const at = new Map(committed!.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
        for (const { partition, low, high } of ends) expect(Math.max(at.get(partition)!, Number(low))).toBe(Number(high));
      }
    });
  } finally {
    await admin.disconnect();
  }
}

const stop = async (consumer: Consumer) => {
  await consumer.stop();
  consumers.splice(consumers.indexOf(consumer), 1);
};
const leftBy = async (name: string) =>
  await database.query({ name: 'all-left', text: 'SELECT event_id, event_type FROM left_versions WHERE consumer = $1' }, [name]);
const shadowSaid = () => said.filter(({ msg }) => msg.startsWith('in shadow'));

describe('a fact in two versions', () => {
  it('is published in those that are not withheld, with one id, one cause and one transaction (S4)', async () => {
    await newPlace();
    const settings = { MASTER_KEYS: new Map([['a', Buffer.alloc(32)]]), DATA_KEYS_CACHED: 10, DATA_KEYS_CACHED_MS: 1_000 };
    const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });
    const keyStore = await openKeyStore('test', { ...settings, KEY_STORE_URL: await testDatabase() }, logger);
    await keyStore.prepare(keyPermissions());
    const personal = new PersonalData('orders', new DataKeys(keyStore.store));
    const schemas = new Map(BOTH.map((type) => [type, { id: 1, version: 1 }]));
    const relayed = (...withheld: string[]) =>
      new Outbox({
        producer: { name: 'orders', version: '1' },
        schemas,
        withheld: new Set(withheld),
        personal,
        committed: () => undefined,
      });
    const [dual, oldOnly, newOnly, never] = newIds(4);
    const flow = { correlationId: newId(), causationId: newId() };
    const append = (outbox: Outbox, orderId: string) =>
      inFlow(flow, () =>
        database.transaction((transaction) => outbox.append(transaction, inVersions(placedV1(orderId), placedV2(orderId)), 1, new Date())),
      );
    await append(relayed(), dual!);
    await append(relayed(v2.eventType), oldOnly!);
    await append(relayed(v1.eventType), newOnly!);
    const undone = inFlow(flow, () =>
      database.transaction(async (transaction) => {
        await relayed().append(transaction, inVersions(placedV1(never!), placedV2(never!)), 1, new Date());
        throw new Error('rolled back');
      }),
    );
    await expect(undone).rejects.toThrow('rolled back');

    await eventually(async () => expect(await readTopic(kafka, v2.name)).toHaveLength(2));
    const [old, young] = [await readTopic(kafka, v1.name), await readTopic(kafka, v2.name)];
    const of = (messages: StoredMessage[], id: string | undefined) => messages.filter(({ key }) => key?.toString() === id);
    const headers = ({ headers: of }: StoredMessage) =>
      Object.fromEntries(Object.entries(of).map(([name, value]) => [name, String(value)]));
    const [first, second] = [headers(of(old, dual)[0]!), headers(of(young, dual)[0]!)];

    expect(first).toMatchObject({ ce_type: v1.eventType, ce_alsoas: v2.eventType, ce_correlationid: flow.correlationId, ce_sequence: '1' });
    expect(second).toMatchObject({
      ce_type: v2.eventType,
      ce_alsoas: v1.eventType,
      ce_correlationid: flow.correlationId,
      ce_sequence: '1',
    });
    expect(second['ce_id']).toBe(first['ce_id']);
    expect(headers(of(old, oldOnly)[0]!)).not.toHaveProperty('ce_alsoas');
    expect(headers(of(young, newOnly)[0]!)).not.toHaveProperty('ce_alsoas');
    for (const [messages, id] of [
      [young, oldOnly],
      [old, newOnly],
      [old, never],
      [young, never],
    ] as const)
      expect(of(messages, id)).toEqual([]);
    await keyStore.close();
  });

  it('states the same thing twice, or is refused', () => {
    const [orderId, other] = newIds(2);

    expect(() => inVersions(placedV1(orderId!), placedV2(other!))).toThrow('order.v2.OrderPlaced does not state the same fact');
    expect(() => inVersions(placedV2(orderId!), placedV1(orderId!))).toThrow('in a newer version');
  });
});

describe('a consumer of both versions does nothing twice (S4, Q1)', () => {
  it('in each stage it is the version of that stage that takes effect', async () => {
    const name = await newPlace();
    const ids = newIds(30);
    const stage: Stage = { kind: 'canary', old: 1, version: 2, percent: 40 };
    await consume(name, stage);
    await producer.publish(ids.flatMap((id) => Object.values(twins(id))));
    await untilDone(name);

    const done = await effects(name);
    expect(done).toHaveLength(30);
    expect(new Map(done.map(({ order_id: id, version }) => [id, version]))).toEqual(
      new Map(ids.map((id) => [id, effectiveVersion(stage, id, [1, 2])])),
    );
    expect(await leftBy(name)).toEqual([]);
  });

  it('what was published in one version takes effect, whatever the stage', async () => {
    const name = await newPlace();
    const [old, young] = newIds(2);
    await producer.publish([aRecord(placedV1(old!)), aRecord(placedV2(young!))]);

    for (const stage of [
      { kind: 'only', version: 2 },
      { kind: 'only', version: 1 },
    ] as const) {
      const consumer = await consume(name, stage);
      await untilDone(name);
      await stop(consumer);
    }

    expect((await effects(name)).map(({ order_id: id }) => id).sort()).toEqual([old, young].sort());
  });

  it('stages may change at any moment, versions come in any order and more than once', async () => {
    const name = await newPlace();
    const stages: Stage[] = [
      { kind: 'only', version: 1 },
      { kind: 'shadow', old: 1, version: 2 },
      { kind: 'canary', old: 1, version: 2, percent: 30 },
      { kind: 'canary', old: 1, version: 2, percent: 70 },
      { kind: 'only', version: 2 },
      { kind: 'canary', old: 1, version: 2, percent: 10 },
    ];
    const seed = Number(process.env['SEED'] ?? Date.now() % 100_000);
    let state = seed;
    const random = (below: number) => (state = (state * 48_271 + 11) % 2_147_483_647) % below;
    const ids = newIds(60);
    // Each half of each fact is published before one of the phases, some of them again before another.
    const phases = stages.map((): ReturnType<typeof aRecord>[] => []);
    for (const pair of ids.map((id) => twins(id)))
      for (const half of Object.values(pair))
        for (let copies = 1 + (random(4) === 0 ? 1 : 0); copies > 0; copies -= 1) phases[random(stages.length)]!.push(half);

    for (const records of phases) {
      await producer.publish(records);
      const consumer = await consume(name, stages[random(stages.length)]!);
      await untilDone(name);
      await stop(consumer);
    }

    const done = (await effects(name)).map(({ order_id: id }) => id);
    expect({ seed, done: done.sort() }).toEqual({ seed, done: [...ids].sort() });
    expect(await leftBy(name)).toEqual([]);
    expect(await deadLetters(name)).toEqual([]);
  });

  it('an event that waits on a retry tier is not overtaken by its other version', async () => {
    const name = await newPlace();
    const orderId = newId();
    const both = twins(orderId);
    let attempts = 0;
    const reaction = noting(name, () => {
      attempts += 1;
      if (attempts <= 4) throw new Error('not yet');
    });
    await consume(name, { kind: 'only', version: 1 }, reaction);
    await producer.publish([both.old]);
    await eventually(() => expect(attempts).toBeGreaterThan(2));
    await producer.publish([both.new]);
    await untilDone(name);

    await eventually(async () => expect(await effects(name)).toEqual([{ order_id: orderId, version: 1 }]));
  });
});

describe('a shadow (S4)', () => {
  it.each(['the old version first', 'the new version first'])(
    'does the work, keeps no effect and says nothing when all is well: %s',
    async (order) => {
      const name = await newPlace();
      const orderId = newId();
      const both = twins(orderId);
      const seen: number[] = [];
      await consume(
        name,
        { kind: 'shadow', old: 1, version: 2 },
        noting(name, (event) => seen.push(versionOf(event))),
      );
      const [first, second] = order.startsWith('the old') ? [both.old, both.new] : [both.new, both.old];
      await producer.publish([first]);
      await untilDone(name);
      await producer.publish([second]);
      await untilDone(name);

      expect(await effects(name)).toEqual([{ order_id: orderId, version: 1 }]);
      expect(seen.sort()).toEqual([1, 2]);
      expect(shadowSaid()).toEqual([]);
      expect(await leftBy(name)).toEqual([]);
    },
  );

  it.each(['the old version first', 'the new version first'])('names the fields that came out differently: %s', async (order) => {
    const name = await newPlace();
    const [orderId, eventId] = newIds(2);
    const old = aRecord(placedV1(orderId!, 500), { eventId, alsoAs: [v2.eventType] });
    const young = aRecord(placedV2(orderId!, 501), { eventId, alsoAs: [v1.eventType] });
    await consume(name, { kind: 'shadow', old: 1, version: 2 });
    for (const one of order.startsWith('the old') ? [old, young] : [young, old]) {
      await producer.publish([one]);
      await untilDone(name);
    }

    expect(shadowSaid()).toMatchObject([{ level: 40, eventId, eventType: v2.eventType, aggregateId: orderId, different: ['money.total'] }]);
    expect(await effects(name)).toEqual([{ order_id: orderId, version: 1 }]);
  });

  it('that fails is told of, and stops nobody', async () => {
    const name = await newPlace();
    const orderId = newId();
    const both = twins(orderId);
    const reaction = noting(name, (event) => {
      if (versionOf(event) === 2) throw new RangeError('the new code is broken');
    });
    await consume(name, { kind: 'shadow', old: 1, version: 2 }, reaction);
    await producer.publish([both.new, both.old]);
    await untilDone(name);

    await eventually(() => expect(shadowSaid()).toMatchObject([{ failed: 'RangeError' }]));
    expect(await effects(name)).toEqual([{ order_id: orderId, version: 1 }]);
    expect(await deadLetters(name)).toEqual([]);
    expect(ownTopics(name)).toHaveLength(6);
  });
});
