import { fact, OrderCompleted, topicOf, type Fact } from '@past-tense/contracts';
import { Database } from '@past-tense/database';
import { firstIdAt, fromHeaders, newId } from '@past-tense/envelope';
import { OUTBOX_MIGRATIONS, Outbox, RecordRejectedError, Relay, type KafkaRecord } from '@past-tense/outbox';
import { createLogger, inFlow } from '@past-tense/telemetry';
import { eventually, isolatedKafka, testDatabase } from '@past-tense/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { applyTopics, KafkaProducer, readTopic, type KafkaOptions } from '../src/index';

const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });
const topic = topicOf(OrderCompleted);
const waiting = { name: 'waiting', text: 'SELECT count(*)::int AS count FROM outbox WHERE published_at IS NULL' };

let isolated: Awaited<ReturnType<typeof isolatedKafka>>;
let kafka: (typeof isolated)['kafka'];
let options: KafkaOptions;
let url: string;
let database: Database;
let outbox: Outbox;
let producer: KafkaProducer;
const committed = jest.fn();

// A broker of its own: this suite stops it, and uses a real topic name.
beforeAll(async () => {
  isolated = await isolatedKafka();
  kafka = isolated.kafka;
  options = { brokers: [kafka.broker], clientId: 'test', logger };
  await applyTopics(options, [topic], 1);
});
afterAll(async () => {
  await isolated.end();
});

beforeEach(async () => {
  url = await testDatabase();
  database = new Database({ url, applicationName: 'test', entities: [], migrations: OUTBOX_MIGRATIONS, logger });
  await database.connect();
  await database.migrate();
  committed.mockReset();
  outbox = new Outbox({
    producer: { name: 'orders', version: '1.0.0' },
    schemas: new Map([[topic.eventType, { id: 1, version: 1 }]]),
    committed,
  });
  producer = new KafkaProducer(options);
});
afterEach(async () => {
  for (const child of processes.splice(0)) child.kill('SIGKILL');
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
  await producer.disconnect();
  await database.close();
});

const flow = <T>(work: () => T) => inFlow({ correlationId: newId(), causationId: newId() }, work);
const completed = (orderId: string): Fact => fact(OrderCompleted, { orderId });
const append = (orderId: string, version: number) =>
  flow(() => database.transaction((transaction) => outbox.append(transaction, completed(orderId), version, new Date())));
const newIds = (count: number) => Array.from({ length: count }, () => newId());
const left = async () => (await database.query<{ count: number }>(waiting))[0]!.count;
const untilDrained = () => eventually(async () => expect(await left()).toBe(0), 60_000);

/** Versions of each aggregate in the order in which they first appear on the topic. */
async function publishedVersions(ids: readonly string[]): Promise<Map<string, number[]>> {
  const versions = new Map<string, number[]>(ids.map((id) => [id, []]));
  await readTopic(options, topic.name, ({ headers }) => {
    const { aggregateId, aggregateVersion } = fromHeaders(headers);
    const seen = versions.get(aggregateId);
    if (seen && !seen.includes(aggregateVersion)) seen.push(aggregateVersion);
  });
  return versions;
}
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
const relays: Relay[] = [];
const processes: ChildProcess[] = [];
function startRelay(change: Partial<ConstructorParameters<typeof Relay>[0]> = {}): Relay {
  const relay = new Relay({ database, publish: producer.publish, logger, leaseMs: 1_000, pollMs: 100, ...change });
  relays.push(relay);
  relay.start();
  return relay;
}

describe('an appended fact', () => {
  it('is published with its envelope if the transaction commits, and the relay is told (O1)', async () => {
    const orderId = newId();
    const eventId = await append(orderId, 1);
    expect(committed).toHaveBeenCalledTimes(1);
    startRelay();
    await untilDrained();

    const [message] = (await readTopic(options, topic.name)).filter(({ key }) => key?.toString() === orderId);
    expect(fromHeaders(message!.headers)).toMatchObject({
      eventId,
      eventType: 'order.v1.OrderCompleted',
      aggregateId: orderId,
      aggregateVersion: 1,
      producer: { name: 'orders', version: '1.0.0' },
    });
  });

  it('is gone if the transaction does not', async () => {
    const failing = flow(() =>
      database.transaction(async (transaction) => {
        await outbox.append(transaction, completed(newId()), 1, new Date());
        throw new Error('changed my mind');
      }),
    );

    await expect(failing).rejects.toThrow('changed my mind');
    expect(committed).not.toHaveBeenCalled();
    expect(await left()).toBe(0);
  });

  it('must be valid, declared, of the service itself, and caused by something (S5)', async () => {
    const appending = (fact: Fact, to = outbox) => database.transaction((transaction) => to.append(transaction, fact, 1, new Date()));
    const stranger = new Outbox({ producer: { name: 'shipping', version: '1' }, schemas: new Map(), committed });
    const undeclared = new Outbox({ producer: { name: 'orders', version: '1' }, schemas: new Map(), committed });

    await expect(flow(() => appending(completed('no uuid')))).rejects.toThrow('order.v1.OrderCompleted is not valid: order_id');
    await expect(flow(() => appending(completed(newId()), stranger))).rejects.toThrow(
      'shipping may not publish order.v1.OrderCompleted: its contract names orders',
    );
    await expect(flow(() => appending(completed(newId()), undeclared))).rejects.toThrow(
      "orders does not declare that it publishes order.v1.OrderCompleted; add it to the service's manifest",
    );
    await expect(appending(completed(newId()))).rejects.toThrow('outside of a flow');
    expect(await left()).toBe(0);
  });
});

describe('the relay (O2)', () => {
  it('publishes what commits late although its position is low', async () => {
    startRelay();
    const slow = newId();
    const fast = newIds(20);
    let finish!: () => void;
    const held = new Promise<void>((resolve) => (finish = resolve));
    const late = flow(() =>
      database.transaction(async (transaction) => {
        await outbox.append(transaction, completed(slow), 1, new Date());
        await held;
      }),
    );
    for (const id of fast) await append(id, 1);
    await untilDrained();
    finish();
    await late;
    await untilDrained();

    expect(await publishedVersions([slow, ...fast])).toEqual(new Map([slow, ...fast].map((id) => [id, [1]])));
  });

  it('keeps the order of each aggregate under concurrent transactions that commit in any order', async () => {
    startRelay({ batchSize: 7 });
    const ids = newIds(20);
    await Promise.all(
      ids.map(async (id) => {
        for (const version of upTo(15)) {
          await flow(() =>
            database.transaction(async (transaction) => {
              await outbox.append(transaction, completed(id), version, new Date());
              await sleep(Math.random() * 5);
            }),
          );
        }
      }),
    );
    await untilDrained();

    expect(await publishedVersions(ids)).toEqual(new Map(ids.map((id) => [id, upTo(15)])));
  });

  it('loses nothing and keeps the order when two of three relays are killed', async () => {
    const [first, second, third] = [startRelayProcess(), startRelayProcess(), startRelayProcess()];
    await Promise.all(processes.map((relay) => until(relay, 'ready')));
    const ids = newIds(40);
    const writing = Promise.all(
      ids.map(async (id) => {
        for (const version of upTo(25)) await append(id, version);
      }),
    );
    await Promise.all([until(first, 'published'), until(second, 'published')]);
    first.kill('SIGKILL');
    await sleep(300);
    second.kill('SIGKILL');
    await writing;
    await untilDrained();
    third.kill('SIGTERM');
    await new Promise((resolve) => third.once('exit', resolve));

    expect(await publishedVersions(ids)).toEqual(new Map(ids.map((id) => [id, upTo(25)])));
  });

  it('backs off while the broker is away and then publishes everything in order', async () => {
    const relay = startRelay();
    const ids = newIds(10);
    for (const id of ids) await append(id, 1);
    await untilDrained();
    await kafka.kill();
    for (const version of [2, 3]) for (const id of ids) await append(id, version);
    relay.wake();
    await sleep(1_500);
    expect(await left()).toBe(20);
    await kafka.start();
    await untilDrained();

    expect(await publishedVersions(ids)).toEqual(new Map(ids.map((id) => [id, [1, 2, 3]])));
  });

  it('takes over at once from a relay that stopped in order', async () => {
    const first = startRelay({ leaseMs: 60_000 });
    await append(newId(), 1);
    await untilDrained();
    await first.stop();
    startRelay({ leaseMs: 60_000 });
    await append(newId(), 1);
    await untilDrained();
  });

  it('is woken by a commit and does not wait for its next look at the table (O3)', async () => {
    const relay = startRelay({ pollMs: 600_000 });
    committed.mockImplementation(() => relay.wake());
    await eventually(async () =>
      expect((await database.query({ name: 'leases', text: 'SELECT 1 FROM outbox_leases WHERE holder IS NOT NULL' })).length).toBe(32),
    );
    for (let i = 0; i < 3; i += 1) {
      await append(newId(), 1);
      await untilDrained();
    }
  });

  it('is woken by a commit in another process', async () => {
    const first = startRelay({ pollMs: 600_000 });
    startRelay({ pollMs: 600_000 });
    const shares = { name: 'shares', text: 'SELECT count(*)::int AS count FROM outbox_leases WHERE holder IS NOT NULL GROUP BY holder' };
    await eventually(async () => expect((await database.query<{ count: number }>(shares)).map((row) => row.count)).toEqual([16, 16]));
    await sleep(1_000);
    committed.mockImplementation(() => first.wake());
    for (const id of newIds(20)) await append(id, 1);
    await untilDrained();
  });

  it('holds back only the aggregate of a record that Kafka refuses', async () => {
    const [bad, ...good] = newIds(6);
    const publish = async (records: readonly KafkaRecord[]) => {
      if (records.some((record) => record.key === bad)) throw new RecordRejectedError('too large');
      return producer.publish(records);
    };
    for (const version of [1, 2]) for (const id of [bad!, ...good]) await append(id, version);
    startRelay({ publish });
    await eventually(async () => expect(await left()).toBe(2));

    expect(await publishedVersions([bad!, ...good])).toEqual(new Map([[bad!, []], ...good.map((id): [string, number[]] => [id, [1, 2]])]));
  });

  it('deletes published rows after a while', async () => {
    startRelay({ keepPublishedMs: 50, leaseMs: 500 });
    for (const id of newIds(5)) await append(id, 1);
    await eventually(async () => expect(await database.query({ name: 'rows', text: 'SELECT 1 FROM outbox' })).toEqual([]));
  });
});

describe('beside change data capture', () => {
  const rows = { name: 'rows', text: 'SELECT 1 FROM outbox' };
  const ago = (ms: number) => firstIdAt(Date.now() - ms);

  it('publishes no fact, and deletes old ones only when a replication slot has got past them', async () => {
    const [id] = newIds(1);
    await append(id!, 1);
    await database.query({ name: 'age', text: 'UPDATE outbox SET id = $1' }, [ago(7_200_000)]);
    startRelay({ publishFacts: false, keepPublishedMs: 50, leaseMs: 300 });
    await sleep(1_000); // Long enough for many a look at the table.
    expect(await database.query(rows)).toHaveLength(1);

    const slot = `test${Date.now()}_outbox`;
    await database.query({ name: 'slot', text: `SELECT pg_create_logical_replication_slot($1, 'pgoutput')` }, [slot]);
    try {
      await sleep(1_000); // The slot stands still: Debezium is away.
      expect(await database.query(rows)).toHaveLength(1);
      await eventually(async () => {
        await database.query({ name: 'advance', text: 'SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())' }, [slot]);
        expect(await database.query(rows)).toEqual([]);
      });
    } finally {
      await database.query({ name: 'drop', text: 'SELECT pg_drop_replication_slot($1)' }, [slot]);
    }
    expect(await publishedVersions([id!])).toEqual(new Map([[id!, []]]));
  });
});

describe('a forwarded message', () => {
  it('arrives with the bytes and headers it had, in the order of its key', async () => {
    startRelay();
    const key = Buffer.from([0xff, 0x00, 0x80]);
    const headers = { odd: Buffer.from([0x00, 0xff]), twice: [Buffer.from('a'), Buffer.from('b')], ce_id: 'anything' };
    for (const i of [1, 2]) {
      const record = { topic: topic.name, key, value: Buffer.from([i, 0xfe]), headers };
      await database.transaction((transaction) => outbox.forward(transaction, record));
    }
    const forwarded = await eventually(async () => {
      const found = (await readTopic(options, topic.name)).filter((message) => message.key?.equals(key));
      expect(found.length).toBeGreaterThanOrEqual(2);
      return found;
    });

    expect(forwarded.map(({ value }) => [...value!])).toEqual([
      [1, 0xfe],
      [2, 0xfe],
    ]);
    expect(forwarded[0]!.headers).toEqual({ odd: headers.odd, twice: headers.twice, ce_id: Buffer.from('anything') });
  });
});

function startRelayProcess(): ChildProcess {
  const child = spawn(process.execPath, [join(__dirname, 'relay-process.cjs')], {
    env: { ...process.env, DATABASE_URL: url, KAFKA_BROKER: kafka.broker },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  processes.push(child);
  return child;
}

async function until(relay: ChildProcess, word: string): Promise<void> {
  await new Promise<void>((resolve) => {
    const listen = (chunk: Buffer) => {
      if (!chunk.toString().includes(word)) return;
      relay.stdout!.off('data', listen);
      resolve();
    };
    relay.stdout!.on('data', listen);
  });
}
