import type { Database, Transaction } from '@past-tense/database';
import { claimForGood, generationOf } from '@past-tense/dedup';
import { setTimeout as sleep } from 'node:timers/promises';
import { Outbox } from '@past-tense/outbox';
import { withAdded, type Reason } from '../delivery/added-headers';
import { queueTopic, RETRY_TIERS } from '../queues';
import { fromRow, HeldEvents, type HeldEvent, type HeldRow } from './held-events';
import { LeftVersions } from '../versions/left-versions';
import { DEAD, REDRIVE, redriven, released, SOURCE, type AfterDeath } from './ordered-retry';

/** Which dead letters are meant; what is left out does not matter. */
export interface DeadLetterFilter {
  readonly id?: string | undefined;
  readonly eventType?: string | undefined;
  readonly reason?: Reason | undefined;
  readonly aggregateId?: string | undefined;
  /** Dead since. */
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}

/** Dead letters of one kind. */
export interface DeadLetterGroup {
  readonly consumer: string;
  readonly eventType: string | null;
  readonly reason: Reason;
  readonly count: number;
  readonly first: Date;
  readonly last: Date;
}

export interface Action {
  /** A rebuild of the read model settles a letter whose event is in the new one. */
  readonly action: 'redrive' | 'discard' | 'rebuild';
  readonly by: string;
  readonly why: string;
  readonly at: Date;
}

export interface ActionOptions {
  /** Who does it, and why; recorded. */
  readonly by: string;
  readonly why: string;
  /** Letters acted on per second at most. */
  readonly ratePerSecond: number;
  /** Told after each step how many letters were acted on so far. */
  readonly progress?: (done: number) => void;
}

interface GroupRow {
  event_type: string | null;
  reason: Reason;
  count: number;
  first: Date;
  last: Date;
}

const MATCHING = `consumer = $1 AND place = '${DEAD}'
  AND ($2::text IS NULL OR id = $2) AND ($3::text IS NULL OR event_type = $3) AND ($4::text IS NULL OR reason = $4)
  AND ($5::text IS NULL OR aggregate_id = $5) AND ($6::timestamptz IS NULL OR last_failed_at >= $6) AND ($7::timestamptz IS NULL OR last_failed_at < $7)`;
const groups = {
  name: 'letters-groups',
  text: `SELECT event_type, reason, count(*)::int AS count, min(last_failed_at) AS first, max(last_failed_at) AS last
         FROM held_events WHERE ${MATCHING} GROUP BY event_type, reason ORDER BY count(*) DESC`,
};
const letters = { name: 'letters', text: `SELECT * FROM held_events WHERE ${MATCHING} ORDER BY last_failed_at, id LIMIT $8` };
const count = { name: 'letters-count', text: `SELECT count(*)::int AS count FROM held_events WHERE ${MATCHING}` };
const next = {
  name: 'letters-next',
  text: `SELECT id, aggregate_id FROM held_events WHERE ${MATCHING} AND id > $8 ORDER BY id LIMIT 200`,
};
const actionsOn = {
  name: 'letter-actions',
  text: 'SELECT action, done_by AS by, why, done_at AS at FROM dead_letter_actions WHERE consumer = $1 AND letter_id = $2 ORDER BY id',
};
const record = {
  name: 'letter-record',
  text: 'INSERT INTO dead_letter_actions (consumer, letter_id, action, done_by, why, letter) VALUES ($1, $2, $3, $4, $5, $6)',
};
const wakeRelays = { name: 'letters-wake', text: `SELECT pg_notify('outbox_committed', '')` };

/**
 * The dead letters of one consumer, for whoever triages them. Works on the consumer's database; the consumer may run or not.
 * Every aggregate is one transaction, so an interrupted action is simply begun again: what is done is not found any more.
 */
export class DeadLetters {
  readonly #held: HeldEvents;
  readonly #outbox: Outbox;

  constructor(
    private readonly database: Database,
    readonly consumer: string,
    private readonly afterDeath: AfterDeath = 'hold',
  ) {
    this.#outbox = new Outbox({ producer: { name: consumer, version: '' }, schemas: new Map(), committed: () => undefined });
    this.#held = new HeldEvents(consumer, this.#outbox);
  }

  async groups(filter: DeadLetterFilter): Promise<DeadLetterGroup[]> {
    const rows = await this.database.query<GroupRow>(groups, this.#values(filter));
    return rows.map(({ event_type: eventType, ...row }) => ({ consumer: this.consumer, eventType, ...row }));
  }

  async count(filter: DeadLetterFilter): Promise<number> {
    return (await this.database.query<{ count: number }>(count, this.#values(filter)))[0]!.count;
  }

  /** Dead letters, oldest first. */
  async list(filter: DeadLetterFilter, limit: number): Promise<HeldEvent[]> {
    return (await this.database.query<HeldRow>(letters, [...this.#values(filter), limit])).map(fromRow);
  }

  /** What was done to a letter of this id before. */
  async actions(id: string): Promise<Action[]> {
    return await this.database.query<Action & Record<string, unknown>>(actionsOn, [this.consumer, id]);
  }

  /**
   * Sends letters back to the consumer: with each one every dead letter of its aggregate, in version order, so that none is
   * overtaken. What fails again is dead again at once.
   * @returns how many were sent back
   */
  async redrive(filter: DeadLetterFilter, options: ActionOptions): Promise<number> {
    return await this.#act(filter, options, async (transaction, dead) => {
      for (const letter of dead) {
        await this.#record(transaction, 'redrive', letter, options);
        await (letter.aggregateId === null ? this.#sendAsNew(transaction, letter) : this.#sendBack(transaction, letter));
      }
      return dead.length;
    });
  }

  /**
   * Gives letters up for good: they are never handled, also when they are delivered once more, and what waited behind them
   * goes on.
   * @returns how many were given up
   */
  async discard(filter: DeadLetterFilter, options: ActionOptions): Promise<number> {
    return await this.#act(filter, options, async (transaction, dead, matches) => {
      const chosen = dead.filter(({ eventId }) => matches.has(eventId));
      for (const letter of chosen) {
        await this.#record(transaction, 'discard', letter, options);
        await this.#held.forget(transaction, letter.eventId);
        if (letter.aggregateId === null) continue;
        await new LeftVersions(this.consumer).take(transaction, letter.eventId);
        await claimForGood(transaction, this.consumer, letter.eventId);
        const generation = letter.message.replayed?.generation;
        if (generation !== undefined) await claimForGood(transaction, generationOf(this.consumer, generation), letter.eventId);
      }
      const aggregateId = chosen[0]?.aggregateId;
      if (aggregateId) {
        const waiting = await this.#held.ofAggregate(transaction, aggregateId);
        for (const free of released(waiting, this.afterDeath)) {
          const event = waiting.find(({ eventId }) => eventId === free.eventId)!;
          await this.#held.hold(transaction, { ...event, ...free, waitsFor: null, dueAt: null });
        }
      }
      return chosen.length;
    });
  }

  /** Walks over the letters, an aggregate at a time. */
  async #act(
    filter: DeadLetterFilter,
    { ratePerSecond, progress }: ActionOptions,
    act: (transaction: Transaction, dead: readonly HeldEvent[], matches: ReadonlySet<string>) => Promise<number>,
  ): Promise<number> {
    let done = 0;
    const startedAt = performance.now();
    for (let after = ''; ;) {
      const found = await this.database.query<{ id: string; aggregate_id: string | null }>(next, [...this.#values(filter), after]);
      if (found.length === 0) return done;
      after = found.at(-1)!.id;
      for (const { id, aggregate_id: aggregateId } of found) {
        done += await this.database.transaction(async (transaction) => {
          const dead = await this.#deadWith(transaction, id, aggregateId);
          if (!dead.some(({ eventId }) => eventId === id)) return 0; // Done together with another of its aggregate.
          const mine = found.filter((one) => one.id === id || (aggregateId !== null && one.aggregate_id === aggregateId));
          return await act(transaction, dead, new Set(mine.map((one) => one.id)));
        });
        progress?.(done);
        const ahead = (done / ratePerSecond) * 1000 - (performance.now() - startedAt);
        if (ahead > 0) await sleep(ahead);
      }
      await this.database.query(wakeRelays);
    }
  }

  /** The dead letters of an aggregate, in version order, under its lock; or the one letter that belongs to none. */
  async #deadWith(transaction: Transaction, id: string, aggregateId: string | null): Promise<HeldEvent[]> {
    await this.#held.lock(transaction, aggregateId ?? id);
    const held = aggregateId === null ? await this.#held.byId(transaction, id) : await this.#held.ofAggregate(transaction, aggregateId);
    return held.filter(({ place }) => place === DEAD);
  }

  async #sendBack(transaction: Transaction, letter: HeldEvent): Promise<void> {
    const tiers = RETRY_TIERS.map(({ place }) => place);
    await this.#held.hold(transaction, { ...letter, ...redriven(letter, tiers), waitsFor: null, dueAt: null });
  }

  /** A message that could not be read has no place in any order: it is looked at as if it had just come. */
  async #sendAsNew(transaction: Transaction, letter: HeldEvent): Promise<void> {
    const { message, eventId, ...held } = letter;
    await this.#held.forget(transaction, eventId);
    await this.#outbox.forward(transaction, {
      topic: queueTopic(this.consumer, REDRIVE),
      key: message.key,
      value: message.value,
      headers: withAdded(message.headers, {
        ...held,
        place: SOURCE,
        consumer: this.consumer,
        origin: message.origin,
        replayed: message.replayed,
      }),
    });
  }

  async #record(transaction: Transaction, action: Action['action'], letter: HeldEvent, { by, why }: ActionOptions): Promise<void> {
    const { message, ...rest } = letter;
    const facts = { ...rest, ...message.origin };
    await transaction.query(record, [this.consumer, letter.eventId, action, by, why, JSON.stringify(facts)]);
  }

  #values({ id, eventType, reason, aggregateId, since, until }: DeadLetterFilter): unknown[] {
    return [this.consumer, id, eventType, reason, aggregateId, since, until].map((value) => value ?? null);
  }
}
