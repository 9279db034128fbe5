import { OrderCompleted, OrderPlaced, OrderPlacedV2, fact, topicOf } from '@past-tense/contracts';
import { newId } from '@past-tense/envelope';
import { aRecord, eventually, kafkaBrokers } from '@past-tense/testing';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Client } from 'pg';
import {
  consumerLag,
  copySchemaOf,
  DeadLetters,
  EarlyEventError,
  ReadModel,
  Rebuild,
  Rebuilds,
  type Event,
  type Reaction,
  type RebuildOptions,
  type RebuildOutcome,
} from '../src/index';
import {
  consumers,
  DAY_MS,
  emptyTopics,
  kafka,
  listening,
  newIds,
  newName,
  producer,
  record,
  start,
  topic,
  useConsumers,
} from './consumers';
import { openModel, project, servingModel, sql, type ServingModel } from './read-model';

useConsumers();

let name: string;
let serving: ServingModel;
beforeEach(async () => {
  name = await newName();
  serving = await servingModel();
});
afterEach(() => serving.end());

type Projecting = Reaction<OrderCompleted>;
const projecting: Projecting = { react: project };
const rebuilds = () => new Rebuilds(serving.database, name);

interface Change extends Partial<RebuildOptions> {
  readonly reaction?: Projecting;
  readonly dryRun?: boolean;
  readonly allowDifferences?: boolean;
}

async function rebuild({
  reaction = projecting,
  dryRun = false,
  allowDifferences = false,
  ...change
}: Change = {}): Promise<RebuildOutcome> {
  return await rebuilds().alone(async (signal) => {
    const found = (await rebuilds().unfinished()) ?? (await rebuilds().begin({ build: '1', by: 'test', why: 'a test' }));
    const copy = openModel(serving.url, copySchemaOf(name));
    try {
      await copy.connect();
      await copy.migrate();
      return await Rebuild.run(
        {
          consumer: name,
          kafka,
          topics: [topic.name],
          reactions: new Map([[OrderCompleted, reaction]]),
          stages: new Map(),
          database: serving.database,
          copy,
          model: await ReadModel.of(serving.database, name),
          rebuilds: rebuilds(),
          dedupTtlMs: 120 * DAY_MS,
          afterDeath: 'hold',
          progress: () => undefined,
          signal,
          logger: listening,
          ...change,
        },
        found,
        { dryRun, allowDifferences },
      );
    } finally {
      await copy.close();
    }
  });
}

const consume = (reaction: Projecting = projecting, change: object = {}) => start(name, reaction, { ...serving.change, ...change });
const settled = async () =>
  (await sql<{ events: number }>(serving.database, 'SELECT count(*)::int AS events FROM processed_events WHERE consumer = $1', [name]))[0]!
    .events;
const untilSettled = (events: number) => eventually(async () => expect(await settled()).toBe(events));
/** What waits is no part of what was processed, so it is in the copy only once the group knows that it was passed. */
const untilPassed = () =>
  eventually(async () => expect((await consumerLag(kafka, name, [topic.name])).filter(({ lag }) => lag > 0)).toEqual([]));
const held = () => sql<{ place: string }>(serving.database, 'SELECT place FROM held_events WHERE consumer = $1 ORDER BY place', [name]);
const countOf = async (table: string) =>
  (await sql<{ rows: number }>(serving.database, `SELECT count(*)::int AS rows FROM ${table}`))[0]!.rows;
const EQUAL = [
  { table: 'kept', equal: true },
  { table: 'numbered', equal: true },
  { table: 'totals', equal: true },
];

describe('a rebuild', () => {
  it('equals what serves, while events flow and the consumer runs; nobody sees less than before, and nothing is done twice (R3)', async () => {
    const orders = newIds(300);
    const first = orders.flatMap((id) => [record(id), record(id, { aggregateVersion: 2 })]);
    await producer.publish([...first, ...first.slice(0, 50)]);
    await consume();
    await untilSettled(first.length);

    let stopped = false;
    let published = first.length;
    let least = first.length;
    let reads = 0;
    // Prepared before the swap and used after it; the columns of the second are whatever the table has.
    const howMany = { name: 'test-how-many', text: 'SELECT count(*)::int AS rows FROM kept' };
    const ofOrder = { name: 'test-of-order', text: 'SELECT * FROM kept WHERE order_id = $1' };
    const reading = (async () => {
      while (!stopped) {
        const [found] = await serving.database.query<{ rows: number }>(howMany);
        expect(found!.rows).toBeGreaterThanOrEqual(least);
        least = found!.rows;
        expect(await serving.database.query(ofOrder, [orders[reads++ % orders.length]])).toHaveLength(2);
      }
    })();
    const publishing = (async () => {
      while (!stopped) {
        await producer.publish(newIds(20).map((id) => record(id)));
        published += 20;
        await eventually(async () => expect(await settled()).toBe(published));
      }
    })();
    const outcome = await rebuild();
    const then = published;
    await eventually(() => expect(published).toBeGreaterThan(then));
    stopped = true;
    await Promise.all([reading, publishing]);

    expect(outcome).toMatchObject({ swapped: true, comparison: EQUAL, settled: 0, record: { counts: { failed: 0 } } });
    expect(reads).toBeGreaterThan(20);
    await untilSettled(published);
    expect(await countOf('kept')).toBe(published);
    expect(await sql(serving.database, 'SELECT events FROM totals WHERE order_id = $1', [orders[0]])).toEqual([{ events: 2 }]);
    expect(await sql(serving.database, 'SELECT sum(events)::int AS events FROM totals')).toEqual([{ events: published }]);
    expect(await rebuild({ dryRun: true })).toMatchObject({ swapped: false, comparison: EQUAL });
  });

  it('goes on after it was killed at any moment, and does nothing twice', async () => {
    await sql(serving.database, 'DROP TABLE totals, numbered');
    const events = newIds(1_300).map((id) => record(id));
    await producer.publish(events);
    await consume({ react: async (event, transaction) => await keepOnly(event, transaction) });
    await untilSettled(events.length);

    for (const at of [1, 2, 3, 2]) expect(await inProcess(`after-commit:${at}`)).toMatchObject({ signal: 'SIGKILL', said: '' });
    const { out, said } = await inProcess();
    expect({ said, ...(JSON.parse(out || '{}') as object) }).toEqual({
      said: '',
      swapped: true,
      counts: { applied: 1_300, duplicates: 0, left: 0, discarded: 0, invalid: 0, failed: 0 },
    });
    expect(await countOf('kept')).toBe(events.length);
  });

  it('that is killed in the middle of its swap has changed nothing, and what serves goes on', async () => {
    await sql(serving.database, 'DROP TABLE totals, numbered');
    await producer.publish(newIds(30).map((id) => record(id)));
    await consume({ react: async (event, transaction) => await keepOnly(event, transaction) });
    await untilSettled(30);
    const reader = new Client({ connectionString: serving.url });
    await reader.connect();
    await reader.query('BEGIN');
    await reader.query('SELECT count(*) FROM kept'); // Keeps the tables from being exchanged.

    const running = spawnRebuild();
    const waits = `SELECT 1 FROM pg_locks WHERE relation = 'kept'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted`;
    await eventually(async () => expect(await sql(serving.database, waits)).toHaveLength(1));
    running.child.kill('SIGKILL');
    await running.ended;
    await producer.publish([record(newId())]);
    await untilSettled(31);
    await reader.query('COMMIT');
    await reader.end();

    expect(await inProcess()).toMatchObject({ signal: null, said: '' });
    expect(await countOf('kept')).toBe(31);
  });

  it('lets other reads pass while a long one keeps it from swapping', async () => {
    await producer.publish(newIds(10).map((id) => record(id)));
    await consume();
    await untilSettled(10);
    const long = new Client({ connectionString: serving.url });
    await long.connect();
    await long.query('BEGIN');
    await long.query('SELECT count(*) FROM kept');

    const running = rebuild();
    const waits = `SELECT 1 FROM pg_locks WHERE relation = 'kept'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted`;
    await eventually(async () => expect(await sql(serving.database, waits)).toHaveLength(1));
    for (let i = 0; i < 3; i += 1) expect(await countOf('kept')).toBe(10);
    await long.query('COMMIT');
    await long.end();

    expect(await running).toMatchObject({ swapped: true });
  });

  it('is done by one process at a time', async () => {
    await rebuilds().alone(async () => {
      await expect(rebuild()).rejects.toThrow(`Another process rebuilds ${name} right now`);
    });
  });

  it('brings what serves up to date, and the consumer knows', async () => {
    await producer.publish(newIds(50).map((id) => record(id)));

    // The consumer has not begun, so what serves is empty, and that is no difference.
    expect(await rebuild()).toMatchObject({ swapped: true, comparison: EQUAL, madeKnown: 50, record: { counts: { applied: 50 } } });
    await consume();
    await producer.publish([record(newId())]);
    await untilSettled(51);
    expect([await countOf('kept'), await settled()]).toEqual([51, 51]);
  });
});

describe('an event', () => {
  const parent = newId();
  const needs: Projecting = {
    async react(event, transaction) {
      const [row] = await transaction.query({ name: 'test-find', text: 'SELECT 1 FROM kept WHERE order_id = $1' }, [parent]);
      if (event.data.orderId !== parent && !row) throw new EarlyEventError(parent, 'the parent');
      await project(event, transaction);
    },
  };

  it('that came too early waits in the copy as it waited for the consumer, and later ones of its aggregate behind it', async () => {
    const [child] = newIds(1);
    await producer.publish([record(child!), record(child!, { aggregateVersion: 2 })]);
    await consume(needs);
    await eventually(async () => expect(await held()).toEqual([{ place: 'behind' }, { place: 'early' }]));
    await untilPassed();
    expect(await rebuild({ reaction: needs, dryRun: true })).toMatchObject({
      comparison: EQUAL,
      waiting: 2,
      record: { counts: { applied: 0 } },
    });

    await producer.publish([record(parent)]);
    await untilSettled(3);
    expect(await rebuild({ reaction: needs })).toMatchObject({
      swapped: true,
      comparison: EQUAL,
      waiting: 0,
      record: { counts: { applied: 3 } },
    });
  });

  it('that waits for the consumer and is in the copy waits no longer; what is dead and in the copy is no letter any more, and what waited goes on', async () => {
    const [order] = newIds(1);
    const broken: Projecting = {
      async react(event, transaction) {
        if (event.aggregateVersion === 1) throw new Error('a bug');
        await project(event, transaction);
      },
    };
    await producer.publish([1, 2].map((aggregateVersion) => record(order!, { aggregateVersion })));
    const consumer = await consume(broken);
    await eventually(async () => expect(await held()).toEqual([{ place: 'behind' }, { place: 'dlq' }]));
    const refused = await rebuild();
    expect(refused).toMatchObject({ swapped: false });
    expect(refused.comparison.find(({ table }) => table === 'kept')).toMatchObject({
      onlyServing: 0,
      onlyCopy: 2,
      samples: [{ in: 'copy' }, {}],
    });

    expect(await rebuild({ allowDifferences: true })).toMatchObject({ swapped: true, madeKnown: 2, settled: 2 });
    expect(await held()).toEqual([]);
    const letters = await sql<{ action: string }>(serving.database, 'SELECT action FROM dead_letter_actions WHERE consumer = $1', [name]);
    expect(letters).toEqual([{ action: 'rebuild' }]);
    await consumer.stop();
    consumers.splice(0);
    await consume();
    await producer.publish([record(order!, { aggregateVersion: 3 })]);
    await untilSettled(3);
    expect(await sql(serving.database, 'SELECT events FROM totals')).toEqual([{ events: 3 }]);
  });

  it('that fails, or is none, is counted, kept as a sample and skipped; a letter that was given up stays given up', async () => {
    const [bad, given, good] = newIds(3);
    const failing: Projecting = {
      async react(event, transaction) {
        await project(event, transaction);
        if ([bad, given].includes(event.data.orderId)) throw new RangeError('password=hunter2 is wrong');
      },
    };
    const { headers } = record(good!);
    await producer.publish([
      record(bad!),
      record(given!),
      { ...record(good!), headers: { ...headers, ce_time: 'yesterday' } },
      record(good!),
    ]);
    await consume(failing);
    await eventually(async () => expect(await held()).toEqual([{ place: 'dlq' }, { place: 'dlq' }, { place: 'dlq' }]));
    await new DeadLetters(serving.database, name).discard({ aggregateId: given! }, { by: 'test', why: 'a test', ratePerSecond: 100 });

    const outcome = await rebuild({ reaction: failing });
    expect(outcome).toMatchObject({ swapped: true, comparison: EQUAL, settled: 0 });
    expect(outcome.record.counts).toEqual({ applied: 1, duplicates: 0, left: 0, discarded: 1, invalid: 1, failed: 1 });
    expect(outcome.record.failures.map(({ kind, error }) => `${kind}: ${error}`).sort()).toEqual([
      'failed: RangeError: password=[redacted] is wrong',
      expect.stringMatching(/^invalid: EnvelopeError: header ce_time /),
    ]);
  });

  it('in several versions takes effect once, in the version that takes effect for the consumer', async () => {
    const topics = [topicOf(OrderPlaced), topicOf(OrderPlacedV2)];
    await emptyTopics(...topics.map((of) => of.name));
    const address = { recipient: 'Ada', street: '1 Road', city: 'Town', postalCode: '1010', country: 'AT' };
    const [customerId] = newIds(1);
    const orders = newIds(20);
    const twins = orders.flatMap((orderId) => {
      const eventId = newId();
      const both = { orderId, customerId: customerId!, paymentToken: 'tok', deliveryAddress: address };
      const lines = [{ sku: 'A', quantity: 1, unitPrice: { minorUnits: 1n, currency: 'EUR' } }];
      const old = fact(OrderPlaced, { ...both, lines, total: { minorUnits: 1n, currency: 'EUR' } });
      const young = fact(OrderPlacedV2, {
        ...both,
        lines: [{ sku: 'A', quantity: 1, unitPriceMinorUnits: 1n }],
        currency: 'EUR',
        totalMinorUnits: 1n,
      });
      return [aRecord(young, { eventId, alsoAs: [topics[0]!.eventType] }), aRecord(old, { eventId, alsoAs: [topics[1]!.eventType] })];
    });
    await producer.publish(twins);
    const noting = {
      async react({ eventId, data }: Event<OrderPlaced | OrderPlacedV2>, transaction: Parameters<Projecting['react']>[1]) {
        await transaction.query({ name: 'test-note', text: 'INSERT INTO kept (event_id, order_id, version) VALUES ($1, $2, $3)' }, [
          eventId,
          data.orderId,
          data.$typeName === 'order.v2.OrderPlaced' ? 2 : 1,
        ]);
      },
    };
    const names = topics.map((of) => of.name);
    const reactions = new Map([OrderPlaced, OrderPlacedV2].map((event) => [event, noting as Reaction<never>] as const));
    const stages = new Map([['order.OrderPlaced', { kind: 'canary', old: 1, version: 2, percent: 50 } as const]]);
    await start(name, noting as never, { ...serving.change, topics: names, reactions, stages });
    await untilSettled(20);

    const outcome = await rebuild({ topics: names, reactions, stages });
    expect(outcome).toMatchObject({ swapped: true, comparison: EQUAL, record: { counts: { applied: 20, left: 20, duplicates: 0 } } });
    expect(await sql(serving.database, 'SELECT count(DISTINCT version)::int AS versions FROM kept')).toEqual([{ versions: 2 }]);
  });
});

describe('the tables', () => {
  it('take their indexes, sequences and grants along; what was replaced stays until it is dropped', async () => {
    const role = `reader_${name.replace(/\W/g, '_')}`;
    await sql(serving.database, `CREATE ROLE ${role}`);
    await sql(serving.database, `GRANT SELECT ON kept TO ${role} WITH GRANT OPTION`);
    await sql(serving.database, `GRANT UPDATE (events) ON totals TO ${role}`);
    await sql(serving.database, `GRANT USAGE ON SEQUENCE numbered_id_seq TO ${role}`);
    await sql(serving.database, 'CREATE INDEX added_by_hand ON kept (version) WHERE version > 1');
    await producer.publish([record(newId())]);
    await consume();
    await untilSettled(1);

    const { record: done } = await rebuild();
    const [rights] = await sql(
      serving.database,
      `SELECT has_table_privilege($1, 'public.kept', 'SELECT WITH GRANT OPTION') AS kept, has_column_privilege($1, 'public.totals', 'events', 'UPDATE') AS totals,
              has_sequence_privilege($1, 'public.numbered_id_seq', 'USAGE') AS numbered, has_table_privilege($1, 'public.totals', 'SELECT') AS more`,
      [role],
    );
    expect(rights).toEqual({ kept: true, totals: true, numbered: true, more: false });
    const indexes = await sql<{ indexname: string }>(
      serving.database,
      `SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'kept' ORDER BY 1`,
    );
    expect(indexes.map(({ indexname }) => indexname)).toEqual(['added_by_hand', 'kept_by_order', 'kept_pkey']);
    await sql(serving.database, 'INSERT INTO numbered DEFAULT VALUES');

    const [listed] = await rebuilds().list();
    expect(listed).toMatchObject({ id: done.id, state: 'swapped' });
    expect(await countOf(`${listed!.replacedSchema}.kept`)).toBe(1);
    await sql(serving.database, `CREATE VIEW old_ones AS SELECT * FROM ${listed!.replacedSchema}.kept`);
    await expect(rebuilds().drop(done.id)).rejects.toThrow(/^Not dropped: .*view old_ones depends on/);
    await sql(serving.database, 'DROP VIEW old_ones');
    await rebuilds().drop(done.id);
    expect(await rebuilds().list()).toMatchObject([{ state: 'dropped' }]);
    expect(
      await sql(serving.database, `SELECT 1 FROM pg_namespace WHERE nspname IN ($1, $2)`, [listed!.replacedSchema, copySchemaOf(name)]),
    ).toEqual([]);
  });

  it('are not exchanged behind the back of whatever hangs on them', async () => {
    const obstacles = {
      'CREATE VIEW extra AS SELECT order_id FROM kept': 'extra reads kept and would go on reading what is replaced',
      'CREATE TABLE more (id uuid REFERENCES kept)': 'more refers to kept by the foreign key more_id_fkey',
      'ALTER TABLE kept ADD note text': 'column note of kept is text where it serves and missing by the migrations',
      'ALTER TABLE kept ADD CONSTRAINT extra CHECK (version > 0)': 'the migrations do not make constraint extra of kept',
      'CREATE TRIGGER extra BEFORE UPDATE ON kept FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()':
        'the migrations do not make trigger extra of kept',
      'ALTER TABLE totals ENABLE ROW LEVEL SECURITY': 'totals has row security',
      'CREATE PUBLICATION extra FOR TABLE kept': 'publication extra publishes kept',
    };
    for (const statement of Object.keys(obstacles)) await sql(serving.database, statement);

    const refused = await rebuild().catch((error: Error) => error.message);
    expect(refused).toMatch(/^The tables cannot be exchanged: /);
    for (const obstacle of Object.values(obstacles)) expect(refused).toContain(obstacle);
    expect(await rebuilds().unfinished()).toMatchObject({ steps: 0 });
  });

  it('are not exchanged when the reactions have written elsewhere', async () => {
    const elsewhere: Projecting = {
      async react(event, transaction) {
        await project(event, transaction);
        await transaction.query(
          { name: 'test-elsewhere', text: `INSERT INTO started_events (consumer, origin, starts) VALUES ('x', $1, 1)` },
          [event.eventId],
        );
      },
    };
    await producer.publish([record(newId())]);
    await consume();
    await untilSettled(1);
    await eventually(async () => expect(await countOf('kept')).toBe(1));

    await expect(rebuild({ reaction: elsewhere })).rejects.toThrow(
      'The reactions have written to started_events, which no entity of the service names',
    );
  });
});

describe('an unfinished rebuild', () => {
  it('is abandoned with its copy, and another one can begin', async () => {
    await producer.publish([record(newId())]);
    await consume();
    await untilSettled(1);
    const { record: begun } = await rebuild({ dryRun: true });
    expect(await rebuilds().unfinished()).toMatchObject({ id: begun.id, comparison: EQUAL });

    await expect(rebuilds().drop(begun.id)).rejects.toThrow('has filling; only what one that has swapped left behind can be dropped');
    await rebuilds().abandon(begun.id);
    expect(await sql(serving.database, 'SELECT 1 FROM pg_namespace WHERE nspname = $1', [copySchemaOf(name)])).toEqual([]);
    await expect(rebuilds().abandon(begun.id)).rejects.toThrow('has abandoned; only an unfinished one can be abandoned');
    await expect(rebuilds().abandon('none')).rejects.toThrow(`There is no rebuild none of ${name}`);
    expect(await rebuild()).toMatchObject({ swapped: true });
  });
});

async function keepOnly(
  { eventId, data, aggregateVersion }: Event<OrderCompleted>,
  transaction: Parameters<Projecting['react']>[1],
): Promise<void> {
  await transaction.query({ name: 'test-keep-only', text: 'INSERT INTO kept (event_id, order_id, version) VALUES ($1, $2, $3)' }, [
    eventId,
    data.orderId,
    aggregateVersion,
  ]);
}

function spawnRebuild(crashAt?: string) {
  const child = spawn(
    process.execPath,
    ['--require', join(__dirname, '..', '..', 'testing', 'crash-points.cjs'), join(__dirname, 'rebuild-process.cjs')],
    {
      env: {
        ...process.env,
        DATABASE_URL: serving.url,
        KAFKA_BROKER: kafkaBrokers()[0],
        CONSUMER: name,
        ...(crashAt !== undefined && { PAST_TENSE_CRASH_AT: crashAt, PAST_TENSE_CRASH_LOG: '/dev/null' }),
      },
    },
  );
  let [out, said] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<{ signal: NodeJS.Signals | null; out: string; said: string }>((resolve) =>
    child.once('close', (_, signal) => resolve({ signal, out, said })),
  );
  return { child, ended };
}

const inProcess = async (crashAt?: string) => await spawnRebuild(crashAt).ended;
