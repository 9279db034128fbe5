import { Database } from '@past-tense/database';
import { firstIdAt, newId } from '@past-tense/envelope';
import { createLogger } from '@past-tense/telemetry';
import { testDatabase } from '@past-tense/testing';
import {
  CreateProcessedEvents1763683200001,
  maintainPartitions,
  OutsideDedupWindowError,
  ProcessedEvents,
  requireTtlBeyondRetention,
} from './index';

const DAY_MS = 86_400_000;
const TTL_MS = 30 * DAY_MS;
const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });
const processed = new ProcessedEvents('shipping', TTL_MS);

let database: Database;
beforeAll(async () => {
  database = new Database({
    url: await testDatabase(),
    applicationName: 'test',
    entities: [],
    migrations: [CreateProcessedEvents1763683200001],
    logger,
  });
  await database.connect();
  await database.migrate();
  await maintainPartitions(database, TTL_MS);
});
afterAll(() => database.close());

const claim = (id: string, store = processed) => database.transaction((transaction) => store.claim(transaction, id));

describe('claiming an event (D1)', () => {
  it('succeeds once per consumer', async () => {
    const id = newId();

    expect(await claim(id)).toBe(true);
    expect(await claim(id)).toBe(false);
    expect(await claim(id, new ProcessedEvents('tracking', TTL_MS))).toBe(true);
    expect(await database.transaction((transaction) => processed.has(transaction, id))).toBe(true);
  });

  it('is taken back by a rollback', async () => {
    const id = newId();
    const failing = database.transaction(async (transaction) => {
      await processed.claim(transaction, id);
      throw new Error('the effects failed');
    });

    await expect(failing).rejects.toThrow('the effects failed');
    expect(await claim(id)).toBe(true);
  });

  it('succeeds for exactly one of many at the same time', async () => {
    const id = newId();

    const claims = await Promise.all(Array.from({ length: 20 }, () => claim(id)));

    expect(claims.filter(Boolean)).toHaveLength(1);
  });

  it('is refused when the event is older than what is remembered, or from the future', async () => {
    const old = newId().replace(/^.{13}/, firstIdAt(Date.now() - TTL_MS - DAY_MS).slice(0, 13));
    const future = newId().replace(/^.{13}/, firstIdAt(Date.now() + 20 * DAY_MS).slice(0, 13));

    await expect(claim(old)).rejects.toThrow(OutsideDedupWindowError);
    await expect(claim(old)).rejects.toThrow('the event is 31 days old, and shipping remembers processed events for 30 days');
    await expect(claim(future)).rejects.toThrow(OutsideDedupWindowError);
  });

  it('works for every id in the window, from the oldest to the newest', async () => {
    for (const age of [TTL_MS - 60_000, 20 * DAY_MS, DAY_MS, 0, -6 * DAY_MS]) {
      const id = newId().replace(/^.{13}/, firstIdAt(Date.now() - age).slice(0, 13));
      expect(await claim(id)).toBe(true);
      expect(await claim(id)).toBe(false);
    }
  });
});

describe('the partitions', () => {
  const partitions = async () =>
    (
      await database.query<{ name: string }>({
        name: 'partitions',
        text: `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'processed_events'::regclass ORDER BY 1`,
      })
    ).map((row) => row.name);

  it('are made ahead and dropped when every id in them has outlived the TTL', async () => {
    const before = await partitions();
    const later = Date.now() + 21 * DAY_MS;

    const { made, dropped } = await maintainPartitions(database, TTL_MS, later);

    expect(made).toHaveLength(3);
    expect(dropped).toEqual(before.slice(0, 3));
    expect(await partitions()).toEqual([...before.slice(3), ...made]);
    expect(await maintainPartitions(database, TTL_MS, later)).toEqual({ made: [], dropped: [] });
  });

  it('are maintained while claims go on and several instances try', async () => {
    const muchLater = Date.now() + 28 * DAY_MS;

    const outcomes = await Promise.all([
      ...Array.from({ length: 4 }, () => maintainPartitions(database, TTL_MS, muchLater)),
      ...Array.from({ length: 50 }, () => claim(newId())),
    ]);

    expect(outcomes.slice(0, 4).filter((outcome) => (outcome as { made: string[] }).made.length > 0)).toHaveLength(1);
  });
});

describe('a TTL', () => {
  it('that is not longer than the retention of a consumed topic is refused at start', () => {
    const topics = [{ name: 'order-placed', retentionMs: 90 * DAY_MS }];

    expect(() => requireTtlBeyondRetention('shipping', 90 * DAY_MS, topics)).toThrow('order-placed keeps events for 90 days');
    expect(() => requireTtlBeyondRetention('shipping', 91 * DAY_MS, topics)).not.toThrow();
  });
});
