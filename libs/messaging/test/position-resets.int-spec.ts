import { newId } from '@past-tense/envelope';
import { eventually } from '@past-tense/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventsBetween, directionOf, Positions, PositionsUnknown, ResetRefused, type PositionReset, type Target } from '../src/index';
import {
  committedOffsets,
  consumers,
  database,
  databaseUrl,
  effects,
  kafka,
  keeping,
  lag,
  newIds,
  newName,
  producer,
  record,
  said,
  start,
  topic,
  useConsumers,
} from './consumers';

const OPERATOR = 'olga';
useConsumers();

const positionsOf = (name: string) => new Positions({ consumer: name, kafka, database, topics: [topic.name] });
const publish = async (records: ReturnType<typeof record>[]) => {
  await eventually(() => producer.publish(records)); // A topic of the same name may still be going.
};
const publishMany = async (count: number) => {
  const ids = newIds(count);
  await publish(ids.map((id) => record(id)));
  return ids;
};
const reset = (name: string, to: Target, partition?: number) =>
  positionsOf(name).reset({ topic: topic.name, partition, to, why: 'a test' }, OPERATOR);
const untilDone = (name: string, { id }: PositionReset) =>
  eventually(async () => {
    const found = (await positionsOf(name).find(id))!;
    expect(found.moves.map(({ state }) => state)).toEqual(found.moves.map(() => 'done'));
    return found;
  });
const untilCaughtUp = (name: string) => eventually(async () => expect(await lag(name)).toBe(0));
/** Messages on the topic. Some bear the same event: a topic that was just made may take a message twice. */
const onTopic = async (name: string) =>
  (await positionsOf(name).now()).partitions.reduce((sum, { earliest, end }) => sum + Number(end - earliest), 0);
/** Events that came and were found to be done, by what the consumers logged. */
const absorbed = () => said.filter(({ msg, result }) => msg === 'handled order-completed' && result === 'duplicate');
const ordersOf = async (name: string) => (await effects(name)).map((row) => row.order_id).sort();
/** A reaction that goes on when it is told to. */
function gated(name: string, isHeld: (orderId: string) => boolean = () => true) {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let begun = 0;
  const reaction = keeping(name, async ({ data }) => {
    begun += 1;
    if (isHeld(data.orderId)) await opened;
  });
  return { reaction, open, begun: () => begun };
}

describe('a position that is set back', () => {
  it('to a moment brings every event since then again, and each is absorbed (R2, R4)', async () => {
    const name = await newName();
    await start(name, keeping(name));
    const before = await publishMany(40);
    await untilCaughtUp(name);
    await sleep(5); // The next events bear a later millisecond.
    const since = new Date().toISOString();
    const after = await publishMany(25);
    await untilCaughtUp(name);

    const { moves } = await untilDone(name, await reset(name, { time: since }));
    await eventually(() => expect(absorbed()).toHaveLength(25));
    await untilCaughtUp(name);

    expect(moves).toHaveLength(topic.partitions);
    expect(moves.reduce((sum, move) => sum + eventsBetween(move), 0)).toBe(25);
    expect(new Set(moves.map(directionOf))).toEqual(new Set(['back', ...(moves.some(({ from, to }) => from === to) ? ['stays'] : [])]));
    expect(await ordersOf(name)).toEqual([...before, ...after].sort());
  });

  it('is told beforehand and changes nothing until it is asked for; who asked is recorded', async () => {
    const name = await newName();
    await start(name, keeping(name));
    await publishMany(10);
    await untilCaughtUp(name);
    const command = { topic: topic.name, to: 'earliest' as const };

    const preview = await positionsOf(name).preview(command);
    expect(preview.map(eventsBetween).reduce((sum, events) => sum + events)).toBe(await onTopic(name));
    expect(await positionsOf(name).list(10)).toEqual([]);

    const made = await positionsOf(name).reset({ ...command, why: 'a bug in totals' }, OPERATOR);
    expect(made).toMatchObject({ consumer: name, topic: topic.name, to: 'earliest', requestedBy: OPERATOR, why: 'a bug in totals' });
    const done = await untilDone(name, made);
    expect(done.moves[0]).toMatchObject({ doneBy: expect.stringMatching(/\/\d+$/) as string, doneAt: expect.any(Date) as Date });
    expect((await positionsOf(name).list(10)).map(({ id }) => id)).toEqual([made.id]);
  });

  it('of one partition leaves the others where they are', async () => {
    const name = await newName();
    await start(name, keeping(name));
    await publishMany(60);
    await untilCaughtUp(name);
    const offsets = await committedOffsets(name);
    const [partition, end] = [...offsets].find(([, offset]) => offset >= 3)!;
    said.splice(0);

    await untilDone(name, await reset(name, { offset: String(end - 3) }, partition));
    await eventually(() => expect(absorbed()).toHaveLength(3));
    await untilCaughtUp(name);

    expect(new Set(absorbed().map((line) => line['partition']))).toEqual(new Set([partition]));
    expect(await committedOffsets(name)).toEqual(offsets);
    expect(await effects(name)).toHaveLength(60);
  });

  it('catches up in a time that is told beforehand', async () => {
    const name = await newName();
    const consumer = await start(
      name,
      keeping(name, () => sleep(20)),
      { concurrency: 1 },
    );
    await publishMany(100);
    await eventually(() => {
      const { events, catchUpSeconds } = consumer.lag().get(topic.name)!;
      expect(events).toBeGreaterThan(10);
      expect(catchUpSeconds).toBeGreaterThan(0);
    });
    await untilCaughtUp(name);
    await eventually(() => expect(consumer.lag().get(topic.name)).toEqual({ events: 0, seconds: 0, catchUpSeconds: 0 }));
  });
});

describe('a position that is set forward', () => {
  it('skips what has not begun, for good, also where the partition is paused; what comes later takes effect', async () => {
    const name = await newName();
    const { reaction, open, begun } = gated(name);
    await start(name, reaction, { concurrency: 3 });
    const busy = newId();
    const versions = Array.from({ length: 400 }, (_, i) => record(busy, { aggregateVersion: i + 1 }));
    await publishMany(100);
    await publish(versions);
    await eventually(async () => {
      expect(begun()).toBe(3);
      expect(await lag(name)).toBeGreaterThanOrEqual(500);
    });

    await untilDone(name, await reset(name, 'latest'));
    const later = await publishMany(20);
    await publish([record(busy, { aggregateVersion: 401 })]);
    open();
    await untilCaughtUp(name);

    const taken = await effects(name);
    expect(taken).toHaveLength(24);
    expect(taken.map((row) => row.order_id)).toEqual(expect.arrayContaining(later));
    expect(taken).toContainEqual({ order_id: busy, version: 401 });
  });

  it('gets past an outage, and past what waits in memory behind it', async () => {
    const name = await newName();
    let away = true;
    const reaction = keeping(name, () => {
      if (away) throw Object.assign(new Error('the provider is away'), { failure: 'unavailable' });
    });
    await start(name, reaction);
    await publishMany(300);
    await eventually(() => expect(said.some(({ msg }) => msg.includes('one event probes'))).toBe(true));

    await untilDone(name, await reset(name, 'latest'));
    const later = await publishMany(5);
    away = false;
    await untilCaughtUp(name);

    // Those that were trying at that moment may get through; whoever only waited does not.
    const taken = await ordersOf(name);
    expect(taken).toEqual(expect.arrayContaining(later));
    expect(taken.length).toBeLessThanOrEqual(5 + 5);
  });

  it('and back again before anybody had the partitions: the later command wins, the earlier is superseded', async () => {
    const name = await newName();
    const ids = await publishMany(30);
    const forward = await reset(name, 'latest');
    const back = await reset(name, 'earliest');

    expect((await positionsOf(name).find(forward.id))!.moves.map(({ state, supersededBy }) => [state, supersededBy])).toEqual(
      forward.moves.map(() => ['superseded', back.id]),
    );
    await start(name, keeping(name));
    await untilDone(name, back);
    await untilCaughtUp(name);
    expect(await ordersOf(name)).toEqual(ids.sort());
    expect(await positionsOf(name).list(1)).toMatchObject([{ id: back.id }]);
    expect(await positionsOf(name).list(10, back.id)).toMatchObject([{ id: forward.id }]);
  });
});

describe('several instances', () => {
  it('do it for the partitions they have, while events come in and the partitions are shared out anew', async () => {
    const name = await newName();
    const ids: string[] = [];
    let flowing = true;
    const flow = (async () => {
      while (flowing) {
        ids.push(...(await publishMany(5)));
        await sleep(10);
      }
    })();
    await start(name, keeping(name));
    await eventually(async () => expect((await effects(name)).length).toBeGreaterThan(50));

    const joining = start(name, keeping(name));
    const first = await reset(name, 'earliest');
    await joining;
    await untilDone(name, first);
    const second = await reset(name, 'earliest');
    await consumers.shift()!.stop();
    await untilDone(name, second);
    flowing = false;
    await flow;
    await untilCaughtUp(name);

    expect(await ordersOf(name)).toEqual([...ids].sort());
    expect(absorbed().length).toBeGreaterThan(50);
  });

  it('are shared by those that live: a reset is done although its instance is killed before it could record it', async () => {
    const name = await newName();
    const ids = await publishMany(20);
    const env = { ...process.env, DATABASE_URL: databaseUrl, KAFKA_BROKER: kafka.brokers[0]!, CONSUMER: name };
    const begin = (change: NodeJS.ProcessEnv = {}): ChildProcess =>
      spawn(process.execPath, [join(__dirname, 'consumer-process.cjs')], { env: { ...env, ...change }, stdio: 'inherit' });
    const doomed = begin({ KILL_AT: 'past-tense.after-reposition', NODE_OPTIONS: `--require ${join(__dirname, 'kill-at.cjs')}` });
    const died = once(doomed, 'exit');
    await untilCaughtUp(name);

    const made = await reset(name, 'earliest');
    expect((await died)[1]).toBe('SIGKILL');
    expect((await positionsOf(name).find(made.id))!.moves[0]!.state).toBe('pending');
    const survivor = begin();
    await untilDone(name, made);
    await untilCaughtUp(name);
    survivor.kill('SIGTERM');
    await once(survivor, 'exit');

    expect(await ordersOf(name)).toEqual(ids.sort());
  });
});

describe('a reset is refused', () => {
  it('of a topic that is not consumed, a partition there is not, or to an offset that is not there yet', async () => {
    const name = await newName();
    const refusalOf = (command: { topic: string; partition?: number; to: Target }) =>
      eventually(async () => {
        const error = await positionsOf(name)
          .reset(command, OPERATOR)
          .catch((refused: unknown) => refused);
        expect(error).toBeInstanceOf(ResetRefused); // A broker that has just started does not know offsets yet.
        return (error as ResetRefused).message;
      });

    expect(await refusalOf({ topic: 'order-placed', to: 'latest' })).toContain('does not consume order-placed');
    expect(await refusalOf({ topic: topic.name, partition: 99, to: 'latest' })).toContain(`${topic.name} has no partition 99`);
    expect(await refusalOf({ topic: topic.name, partition: 0, to: { offset: '1000000' } })).toContain('Offset 1000000 is not on');
    expect(await positionsOf(name).list(1)).toEqual([]);
  });

  it('if Kafka cannot be asked', async () => {
    const away = new Positions({ consumer: newId(), kafka: { ...kafka, brokers: ['127.0.0.1:1'] }, database, topics: [topic.name] });

    await expect(away.now()).rejects.toThrow(PositionsUnknown);
    await expect(away.reset({ topic: topic.name, to: 'latest' }, OPERATOR)).rejects.toThrow(PositionsUnknown);
  });
});
