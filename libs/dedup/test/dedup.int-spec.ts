import { Database } from '@past-tense/database';
import { firstIdAt, newId } from '@past-tense/envelope';
import { createLogger } from '@past-tense/telemetry';
import { testDatabase } from '@past-tense/testing';
import { claimForGood, DEDUP_MIGRATIONS, maintainPartitions, OutsideDedupWindowError, ProcessedEvents } from '../src/index';
import { weekOf } from '../src/week';

const DAY_MS = 86_400_000;
const TTL_MS = 30 * DAY_MS;
const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });
const processed = new ProcessedEvents('shipping', TTL_MS);

let database: Database;
beforeAll(async () => {
  database = await emptyStore();
  await maintainPartitions(database, TTL_MS);
});
afterAll(() => database.close());

/** A store without partitions, in a database of its own. */
async function emptyStore(): Promise<Database> {
  const store = new Database({
    url: await testDatabase(),
    applicationName: 'test',
    entities: [],
    migrations: DEDUP_MIGRATIONS,
    logger,
  });
  await store.connect();
  await store.migrate();
  return store;
}

/** An id that was made so long ago, milliseconds. */
const idOfAge = (ageMs: number) => newId().replace(/^.{13}/, firstIdAt(Date.now() - ageMs).slice(0, 13));
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
    const old = idOfAge(TTL_MS + DAY_MS);
    const future = idOfAge(-20 * DAY_MS);

    await expect(claim(old)).rejects.toThrow(OutsideDedupWindowError);
    await expect(claim(old)).rejects.toThrow('the event is 31 days old, and shipping remembers processed events for 30 days');
    await expect(claim(future)).rejects.toThrow(OutsideDedupWindowError);
  });

  it('works for every id in the window, from the oldest to the newest', async () => {
    for (const age of [TTL_MS - 60_000, 20 * DAY_MS, DAY_MS, 0, -6 * DAY_MS]) {
      const id = idOfAge(age);
      expect(await claim(id)).toBe(true);
      expect(await claim(id)).toBe(false);
    }
  });
});

describe('an event that is given up', () => {
  const giveUp = (id: string) => database.transaction((transaction) => claimForGood(transaction, 'shipping', id));

  it('is never processed, whether it was claimed before or not', async () => {
    const [fresh, claimed] = [newId(), newId()];
    await claim(claimed);

    for (const id of [fresh, claimed, fresh]) await giveUp(id);

    expect(await claim(fresh)).toBe(false);
    expect(await claim(fresh, new ProcessedEvents('tracking', TTL_MS))).toBe(true);
  });

  it('is left to its age if the store has forgotten it', async () => {
    const old = idOfAge(2 * TTL_MS);

    await giveUp(old);

    await expect(claim(old)).rejects.toThrow(OutsideDedupWindowError);
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
    expect(await maintainPartitions(database, TTL_MS, later)).toMatchObject({ made: [], dropped: [] });
  });

  it('are maintained while claims go on and several instances try', async () => {
    const muchLater = Date.now() + 28 * DAY_MS;

    const outcomes = await Promise.all([
      ...Array.from({ length: 4 }, () => maintainPartitions(database, TTL_MS, muchLater)),
      ...Array.from({ length: 50 }, () => claim(newId())),
    ]);

    expect(outcomes.slice(0, 4).filter((outcome) => (outcome as { readonly made: readonly string[] }).made.length > 0)).toHaveLength(1);
  });
});

describe('a TTL that is raised', () => {
  const LONGER_MS = 3 * TTL_MS;

  it('does not bring back what was forgotten', async () => {
    const store = await emptyStore();
    try {
      const since = (await maintainPartitions(store, TTL_MS)).knownSinceMs;

      const { made, dropped, knownSinceMs } = await maintainPartitions(store, LONGER_MS);

      expect({ made, dropped, knownSinceMs }).toEqual({ made: [], dropped: [], knownSinceMs: since });
      const longer = new ProcessedEvents('shipping', LONGER_MS, knownSinceMs);
      const claimIn = (id: string) => store.transaction((transaction) => longer.claim(transaction, id));
      expect(await claimIn(idOfAge(TTL_MS - 60_000))).toBe(true);
      await expect(claimIn(idOfAge(TTL_MS + 8 * DAY_MS))).rejects.toThrow(/^the event is 38 days old, and shipping remembers/);
      await expect(claimIn(idOfAge(TTL_MS + 8 * DAY_MS))).rejects.toThrow(OutsideDedupWindowError);
      expect(() => longer.ofGeneration(2).requireInWindow(idOfAge(TTL_MS + 8 * DAY_MS))).toThrow(OutsideDedupWindowError);
    } finally {
      await store.close();
    }
  });

  it('holds in full once so much time has passed', async () => {
    const store = await emptyStore();
    try {
      await maintainPartitions(store, TTL_MS);
      const later = Date.now() + LONGER_MS;

      expect((await maintainPartitions(store, LONGER_MS, later)).knownSinceMs).toBe(weekOf(later - LONGER_MS).startMs);
    } finally {
      await store.close();
    }
  });

  it('does not bring back a partition that was just being dropped when the process was killed', async () => {
    const store = await emptyStore();
    const [reader, dropping] = [await store.session(), await store.session()];
    try {
      const { made, knownSinceMs } = await maintainPartitions(store, TTL_MS);
      const oldest = made[0]!;
      await reader.query(`BEGIN; SELECT 1 FROM ${oldest}`);
      await dropping.query(`SET statement_timeout = 200`);
      await expect(dropping.query(`ALTER TABLE processed_events DETACH PARTITION ${oldest} CONCURRENTLY`)).rejects.toThrow('timeout');
      await reader.query('COMMIT');

      const after = await maintainPartitions(store, LONGER_MS);

      expect(after).toEqual({ made: [], dropped: [oldest], knownSinceMs: knownSinceMs + 7 * DAY_MS });
    } finally {
      await dropping.query('RESET statement_timeout');
      reader.release();
      dropping.release();
      await store.close();
    }
  });
});
