import { WakeUp, type Database, type Session } from '@past-tense/database';
import type { Logger } from '@past-tense/telemetry';
import { CapturedFacts } from './captured-facts';
import { watchOutbox } from './figures';
import { Leases } from './leases';
import { Publisher } from './publisher';
import type { Publish } from './record';
import { facts, forwards, type WaitingRows } from './waiting-rows';

export interface RelayOptions {
  readonly database: Database;
  readonly publish: Publish;
  readonly logger: Logger;
  /** Milliseconds after which the shards of a relay that was killed are taken over. */
  readonly leaseMs?: number;
  /** Milliseconds between two looks at the table when nothing wakes the relay. */
  readonly pollMs?: number;
  /** Rows published with one request. */
  readonly batchSize?: number;
  /** Milliseconds a published row is kept, for people who want to look. */
  readonly keepPublishedMs?: number;
  /** Off where change data capture publishes the facts; forwarded messages are published all the same. */
  readonly publishFacts?: boolean;
}

interface Loop {
  readonly rows: WaitingRows;
  readonly publisher: Publisher;
  /** Woken by commits. */
  readonly wakeUp: WakeUp;
  /** Woken only by stop: commits must not hurry a relay whose Kafka is away. */
  readonly backOff: WakeUp;
}

const CHANNEL = 'outbox_committed';
const MAX_BACK_OFF_MS = 2_000;
const CLEANUP_CHUNK = 5_000;
const tellOthers = { name: 'outbox-notify', text: `SELECT pg_notify('${CHANNEL}', '')` };

/**
 * Publishes what waits in the outbox: at least once, in order per aggregate, with as many relays as there are instances.
 * A commit in this process wakes it at once; a commit elsewhere wakes it by NOTIFY; polling covers everything else.
 */
export class Relay {
  readonly #options: Required<RelayOptions>;
  readonly #leases: Leases;
  readonly #loops: Loop[];
  readonly #leaseWakeUp = new WakeUp();
  readonly #captured: CapturedFacts;
  #running: Promise<void>[] = [];
  #session: Session | undefined;
  #telling = false;
  #stopWatching: () => void = () => undefined;
  #stopping = false;
  #cleanedAtMs = Date.now();

  constructor(options: RelayOptions) {
    this.#options = { leaseMs: 5_000, pollMs: 1_000, batchSize: 500, keepPublishedMs: 3_600_000, publishFacts: true, ...options };
    const { database, publish, logger, leaseMs, publishFacts } = this.#options;
    this.#leases = new Leases(database, leaseMs);
    this.#captured = new CapturedFacts(database);
    this.#loops = (publishFacts ? [facts, forwards] : [forwards]).map((rows) => ({
      rows,
      publisher: new Publisher(database, rows, publish, logger),
      wakeUp: new WakeUp(),
      backOff: new WakeUp(),
    }));
  }

  start(): void {
    this.#stopWatching = watchOutbox(
      this.#options.database,
      this.#loops.map(({ rows }) => rows.name),
    );
    this.#running = [this.#keepLeases(), ...this.#loops.map((loop) => this.#run(loop))];
  }

  /** Says that something was committed in this process: facts, forwarded messages, or, if left out, either. */
  wake(what?: WaitingRows['name']): void {
    this.#wakeLoops(what);
    if (!this.#leases.holdsAll) this.#tellOthers();
  }

  /** Finishes the batch in flight, gives up the leases and returns. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#stopWatching();
    this.#leaseWakeUp.wake();
    this.#wakeLoops();
    for (const { backOff } of this.#loops) backOff.wake();
    await Promise.all(this.#running);
    this.#stopListening();
    await this.#leases
      .release()
      .catch((error: unknown) =>
        this.#options.logger.warn({ err: error }, 'the outbox leases could not be given up; they end by themselves'),
      );
  }

  async #run({ rows, publisher, wakeUp, backOff }: Loop): Promise<void> {
    const { batchSize, pollMs, logger } = this.#options;
    let failures = 0;
    while (!this.#stopping) {
      try {
        await publisher.publishWaiting(() => (this.#stopping ? [] : this.#leases.held), batchSize);
        if (failures > 0) logger.info({ rows: rows.name }, 'the outbox is published again');
        failures = 0;
        await wakeUp.sleep(pollMs);
      } catch (error) {
        failures += 1;
        const waitMs = Math.min(MAX_BACK_OFF_MS, 100 * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
        logger.warn(
          { err: error, rows: rows.name, failures, waitMs: Math.round(waitMs) },
          'the outbox could not be published; it waits and tries again',
        );
        await backOff.sleep(waitMs);
      }
    }
  }

  /** Keeps the leases alive, listens for commits elsewhere and deletes old rows, a few times per lease. */
  async #keepLeases(): Promise<void> {
    while (!this.#stopping) {
      try {
        const before = this.#leases.held.length;
        await this.#leases.share();
        if (this.#leases.held.length > before) this.#wakeLoops();
        if (this.#leases.holdsAll) this.#stopListening();
        else await this.#listen();
        await this.#cleanUp();
      } catch (error) {
        this.#options.logger.warn({ err: error }, 'the outbox leases could not be extended');
      }
      await this.#leaseWakeUp.sleep(this.#options.leaseMs / 3);
    }
  }

  async #listen(): Promise<void> {
    if (this.#session) return;
    const session = await this.#options.database.session();
    session.on('notification', () => this.#wakeLoops());
    // A connection that is lost and not given back would be missing from the pool for ever.
    session.once('error', () => this.#stopListening());
    this.#session = session;
    try {
      await session.query(`LISTEN ${CHANNEL}`);
    } catch (error) {
      this.#stopListening();
      throw error;
    }
  }

  #stopListening(): void {
    const session = this.#session;
    this.#session = undefined;
    session?.release(true);
  }

  /** Outside of the business transaction, whose commit it would serialise with every other one; never twice at once. */
  #tellOthers(): void {
    if (this.#telling || this.#stopping) return;
    this.#telling = true;
    this.#options.database
      .query(tellOthers)
      .catch(() => undefined) // They poll, too.
      .finally(() => {
        this.#telling = false;
      });
  }

  async #cleanUp(): Promise<void> {
    const { database, keepPublishedMs, publishFacts } = this.#options;
    if (Date.now() - this.#cleanedAtMs < Math.min(60_000, keepPublishedMs)) return;
    this.#cleanedAtMs = Date.now();
    const before = new Date(Date.now() - keepPublishedMs);
    const deletions = this.#loops.map(
      ({ rows }) =>
        () =>
          rows.deletePublished(database, before, CLEANUP_CHUNK),
    );
    if (!publishFacts) {
      await this.#captured.look();
      deletions.push(() => this.#captured.delete(before, CLEANUP_CHUNK));
    }
    for (const deleteSome of deletions) while ((await deleteSome()) === CLEANUP_CHUNK && !this.#stopping);
  }

  #wakeLoops(what?: WaitingRows['name']): void {
    for (const { rows, wakeUp } of this.#loops) if (what === undefined || rows.name === what) wakeUp.wake();
  }
}
