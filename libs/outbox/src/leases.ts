import type { Database } from '@past-tense/database';
import { randomUUID } from 'node:crypto';

const register = {
  name: 'outbox-relay-register',
  text: `WITH gone AS (DELETE FROM outbox_relays WHERE expires_at < now() AND holder <> $1),
              me AS (INSERT INTO outbox_relays (holder, expires_at) VALUES ($1, now() + $2 * interval '1 ms')
                     ON CONFLICT (holder) DO UPDATE SET expires_at = excluded.expires_at)
         SELECT count(*)::int AS others FROM outbox_relays WHERE expires_at >= now() AND holder <> $1`,
};
const extend = {
  name: 'outbox-lease-extend',
  text: `UPDATE outbox_leases SET expires_at = now() + $2 * interval '1 ms' WHERE holder = $1 RETURNING shard`,
};
const giveUp = { name: 'outbox-lease-give-up', text: `UPDATE outbox_leases SET holder = NULL WHERE holder = $1 AND shard = ANY($2)` };
const take = {
  name: 'outbox-lease-take',
  text: `UPDATE outbox_leases SET holder = $1, expires_at = now() + $2 * interval '1 ms'
         WHERE shard IN (SELECT shard FROM outbox_leases WHERE holder IS NULL OR expires_at < now() ORDER BY shard LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING shard`,
};
const count = { name: 'outbox-lease-count', text: 'SELECT count(*)::int AS shards FROM outbox_leases' };
const leave = { name: 'outbox-relay-leave', text: 'DELETE FROM outbox_relays WHERE holder = $1' };

const NONE: readonly number[] = [];

/**
 * The shards one relay may publish from. A lease that is not extended in time ends by itself, so the shards of a relay that
 * was killed go to the others; shards are shared out evenly among the relays alive.
 */
export class Leases {
  readonly #holder = randomUUID();
  #shards: readonly number[] = [];
  #total = Number.POSITIVE_INFINITY;
  #validUntilMs = 0;

  constructor(
    private readonly database: Database,
    private readonly leaseMs: number,
  ) {}

  /** Shards held now, the same list as long as they are the same; none once the leases may have ended, because another relay may hold them then. */
  get held(): readonly number[] {
    return Date.now() < this.#validUntilMs ? this.#shards : NONE;
  }

  /** Whether no other relay holds a shard. */
  get holdsAll(): boolean {
    return this.held.length === this.#total;
  }

  /**
   * Extends what is held, takes free shards up to a fair share and gives up what is beyond it. A batch of a shard given up may
   * still be on its way: the next holder publishes those rows again before any later ones, so the first occurrences stay in
   * order and the rest are duplicates.
   */
  async share(): Promise<void> {
    const askedAtMs = Date.now();
    const [relays] = await this.database.query<{ others: number }>(register, [this.#holder, this.leaseMs]);
    if (!Number.isFinite(this.#total)) this.#total = (await this.database.query<{ shards: number }>(count))[0]!.shards;
    const fair = Math.ceil(this.#total / (relays!.others + 1));
    const mine = (await this.database.query<{ shard: number }>(extend, [this.#holder, this.leaseMs])).map((row) => row.shard);
    if (mine.length > fair) await this.database.query(giveUp, [this.#holder, mine.splice(fair)]);
    const taken =
      mine.length < fair ? await this.database.query<{ shard: number }>(take, [this.#holder, this.leaseMs, fair - mine.length]) : [];
    const shards = [...mine, ...taken.map((row) => row.shard)].sort((a, b) => a - b);
    if (shards.join() !== this.#shards.join()) this.#shards = shards;
    this.#validUntilMs = askedAtMs + this.leaseMs;
  }

  /** Gives everything up, so that another relay can go on at once. */
  async release(): Promise<void> {
    const shards = this.#shards;
    this.#shards = [];
    await this.database.query(giveUp, [this.#holder, shards]);
    await this.database.query(leave, [this.#holder]);
  }
}
