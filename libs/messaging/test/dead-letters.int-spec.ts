import { OrderCompleted } from '@past-tense/contracts';
import { newId } from '@past-tense/envelope';
import { eventually } from '@past-tense/testing';
import { DeadLetters, InvalidEventError, type Event } from '../src/index';
import {
  database,
  deadLetters,
  effects,
  heldBy,
  keeping,
  lag,
  newIds,
  newName,
  producer,
  record,
  start,
  tiers,
  useConsumers,
} from './consumers';

useConsumers();

const options = { by: 'ada', why: 'the bug is fixed', ratePerSecond: 10_000 };
const quick = { tiers: tiers(10, 20, 30) };
const versionsOf = async (name: string, orderId: string) =>
  (await effects(name)).filter((row) => row.order_id === orderId).map(({ version }) => version);
const inVersions = (orderId: string, ...versions: number[]) => versions.map((aggregateVersion) => record(orderId, { aggregateVersion }));
const placesOf = async (name: string) => (await heldBy(name)).map(({ place }) => place);
/** A reaction that fails with an error until it is told not to. */
function broken(name: string, error: Error, when: (event: Event<OrderCompleted>) => boolean = () => true) {
  const state = { broken: true, attempts: 0 };
  const reaction = keeping(name, (event) => {
    if (!state.broken || !when(event)) return;
    state.attempts += 1;
    throw error;
  });
  return { state, reaction };
}

describe('dead letters (D6)', () => {
  it('are grouped and counted, with what happened to them', async () => {
    const name = await newName();
    const { reaction } = broken(name, new Error('no'));
    await start(name, reaction, quick);
    const ids = newIds(3);
    await producer.publish([...ids.map((orderId) => record(orderId)), { ...record(newId()), value: Buffer.from('nonsense') }]);
    const letters = new DeadLetters(database, name);

    await eventually(async () => expect(await letters.count({})).toBe(4));
    expect(await letters.groups({})).toEqual([
      {
        consumer: name,
        eventType: 'order.v1.OrderCompleted',
        reason: 'FAILED',
        count: 3,
        first: expect.any(Date) as Date,
        last: expect.any(Date) as Date,
      },
      {
        consumer: name,
        eventType: 'order.v1.OrderCompleted',
        reason: 'INVALID',
        count: 1,
        first: expect.any(Date) as Date,
        last: expect.any(Date) as Date,
      },
    ]);
    expect(await letters.count({ reason: 'INVALID' })).toBe(1);
    expect(await letters.count({ aggregateId: ids[0] })).toBe(1);
    expect(await letters.count({ since: new Date(Date.now() + 60_000) })).toBe(0);
    expect((await letters.list({ aggregateId: ids[0] }, 10))[0]).toMatchObject({ attempts: 6, errorMessage: 'no', reason: 'FAILED' });
  });

  it('sent back are handled before what waits behind them, in order, and the action is recorded', async () => {
    const name = await newName();
    const orderId = newId();
    const { reaction, state } = broken(name, new Error('no'), ({ aggregateVersion }) => aggregateVersion === 1);
    await start(name, reaction, quick);
    await producer.publish(inVersions(orderId, 1, 2, 3));
    await eventually(async () => expect(await placesOf(name)).toEqual(['dlq', 'behind', 'behind']));
    state.broken = false;
    const letters = new DeadLetters(database, name);
    const [letter] = await letters.list({}, 10);

    expect(await letters.redrive({ id: letter!.eventId }, options)).toBe(1);
    await eventually(async () => expect(await versionsOf(name, orderId)).toEqual([1, 2, 3]));
    expect(await heldBy(name)).toEqual([]);
    expect(await letters.actions(letter!.eventId)).toEqual([
      { action: 'redrive', by: 'ada', why: 'the bug is fixed', at: expect.any(Date) as Date },
    ]);
    expect(await letters.redrive({ id: letter!.eventId }, options)).toBe(0);
  });

  it('that fail again are dead again, without the tiers', async () => {
    const name = await newName();
    const { reaction, state } = broken(name, new Error('no'));
    await start(name, reaction, quick);
    await producer.publish([record(newId())]);
    const letters = new DeadLetters(database, name);
    await eventually(async () => expect(await letters.count({})).toBe(1));
    const before = state.attempts;
    await letters.redrive({}, options);

    await eventually(async () => expect(await deadLetters(name)).toHaveLength(2));
    expect(state.attempts).toBe(before + 3);
    expect(await letters.count({})).toBe(1);
  });

  it('with version order: all of an aggregate go together, also if one is named', async () => {
    const name = await newName();
    const orderId = newId();
    const { reaction, state } = broken(name, new Error('no'));
    await start(name, reaction, { ...quick, afterDeath: 'skip' });
    await producer.publish(inVersions(orderId, 1, 2, 3));
    const letters = new DeadLetters(database, name, 'skip');
    await eventually(async () => expect(await letters.count({})).toBe(3));
    state.broken = false;
    const last = (await letters.list({}, 10)).find(({ version }) => version === 3)!;

    expect(await letters.redrive({ id: last.eventId }, options)).toBe(3);
    await eventually(async () => expect(await versionsOf(name, orderId)).toEqual([1, 2, 3]));
  });

  it('that could not be read are looked at as if they had just come', async () => {
    const name = await newName();
    const orderId = newId();
    const { reaction, state } = broken(name, new InvalidEventError('not yet known here'));
    await start(name, reaction, quick);
    await producer.publish([record(orderId)]);
    const letters = new DeadLetters(database, name);
    await eventually(async () => expect(await letters.count({ reason: 'INVALID' })).toBe(1));
    await letters.redrive({}, options);
    await eventually(async () => expect(await deadLetters(name)).toHaveLength(2));
    expect(await letters.count({})).toBe(1);
    state.broken = false;
    await letters.redrive({}, options);

    await eventually(async () => expect(await versionsOf(name, orderId)).toEqual([1]));
    expect(await letters.count({})).toBe(0);
  });

  it('given up are gone for good, and what waited goes on', async () => {
    const name = await newName();
    const orderId = newId();
    const { reaction, state } = broken(name, new Error('no'), ({ aggregateVersion }) => aggregateVersion === 1);
    await start(name, reaction, quick);
    const records = inVersions(orderId, 1, 2, 3);
    await producer.publish(records);
    await eventually(async () => expect(await placesOf(name)).toEqual(['dlq', 'behind', 'behind']));
    const letters = new DeadLetters(database, name);
    const [letter] = await letters.list({}, 10);

    expect(await letters.discard({ id: letter!.eventId }, { ...options, why: 'a test order' })).toBe(1);
    await eventually(async () => expect(await versionsOf(name, orderId)).toEqual([2, 3]));
    state.broken = false;
    await producer.publish(records);
    await eventually(async () => expect(await lag(name)).toBe(0));
    expect(await versionsOf(name, orderId)).toEqual([2, 3]);
    expect(await letters.actions(letter!.eventId)).toMatchObject([{ action: 'discard', why: 'a test order' }]);
  });

  it('given up after the dedup store has forgotten their time are gone as well', async () => {
    const name = await newName();
    const [orderId, old] = [newId(), '01890000-0000-7000-8000-000000000000'];
    const { reaction } = broken(name, new Error('no'));
    await start(name, reaction, quick);
    await producer.publish([record(orderId)]);
    const letters = new DeadLetters(database, name);
    await eventually(async () => expect(await letters.count({})).toBe(1));
    // As if it had been dead for longer than what is remembered.
    const age = { name: 'age-letter', text: 'UPDATE held_events SET id = $2 WHERE consumer = $1' };
    await database.query(age, [name, old]);

    expect(await letters.discard({}, { ...options, why: 'too old' })).toBe(1);
    expect(await letters.count({})).toBe(0);
    expect(await letters.actions(old)).toMatchObject([{ action: 'discard', why: 'too old' }]);
  });

  it('sent back by two people at once are sent back once', async () => {
    const name = await newName();
    const { reaction, state } = broken(name, new Error('no'));
    await start(name, reaction, quick);
    await producer.publish(newIds(50).map((orderId) => record(orderId)));
    const letters = new DeadLetters(database, name);
    await eventually(async () => expect(await letters.count({})).toBe(50));
    state.broken = false;

    const done = await Promise.all([letters.redrive({}, options), new DeadLetters(database, name).redrive({}, options)]);
    expect(done[0] + done[1]).toBe(50);
    await eventually(async () => expect(await effects(name)).toHaveLength(50));
  });
});
