import { OrderCompleted, OrderPlaced } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ProcessedEvents } from '@past-tense/dedup';
import { Consumer, type AnyReaction, type Event, type Forgetful, type Reaction } from '@past-tense/messaging';
import { Outbox } from '@past-tense/outbox';
import { openConsumerDatabase, TTL_MS } from '../consumer-database';
import { countRows, insertEffect } from '../effects';
import { ORDER_COMPLETED, ORDER_PLACED } from '../order-events';
import { logger } from '../outbox-rows';
import { personalDataIn } from '../personal';
import { program } from '../program';
import { Progress } from '../progress';
import { ExtendTimeline, ExtendTimelineBySet } from '../timeline';

export interface ConsumerOptions {
  readonly url: string;
  readonly broker: string;
  /** Its name, and its group. */
  readonly consumer: string;
  /** Events that are measured, of all consumers that share them. */
  readonly events: number;
  /** Those before them, to warm up. */
  readonly warmUp: number;
  readonly reaction?: 'effect' | 'timeline' | 'timeline by set';
  /** That an order was completed, if left out. What was placed and sealed is opened, as shipping may. */
  readonly event?: 'placed plain' | 'placed sealed';
  /** Whether its memory is watched meanwhile. */
  readonly watchMemory?: boolean;
  /** Events that may share a transaction; what a service has, if left out. */
  readonly groupCommit?: number;
  readonly client?: 'kafkajs' | 'platformatic';
}

// What a service has, where its settings are left out.
const CONCURRENCY = 10;
const RETRY = { attempts: 4, firstDelayMs: 100, maxDelayMs: 2_000 };

class NoteEffect implements Reaction<OrderCompleted | OrderPlaced>, Forgetful<OrderPlaced> {
  constructor(private readonly progress: Progress) {}

  async react({ eventId, data }: Event<OrderCompleted | OrderPlaced>, transaction: Transaction): Promise<void> {
    this.progress.started();
    transaction.afterCommit(() => this.progress.committed());
    await transaction.defer(insertEffect, [eventId, data.orderId]);
  }

  async reactToForgotten(): Promise<void> {}
}

const REACTIONS = { effect: NoteEffect, timeline: ExtendTimeline, 'timeline by set': ExtendTimelineBySet };

program(async (options: ConsumerOptions) => {
  const { url, broker, consumer: name, events, warmUp, reaction = 'effect', event, watchMemory, groupCommit, client = 'kafkajs' } = options;
  const database = await openConsumerDatabase(url);
  const progress = new Progress();
  const opened = event === 'placed sealed' ? await personalDataIn(url, { service: 'shipping' }) : undefined;
  let fail: (error: Error) => void;
  const failed = new Promise<never>((_, reject) => (fail = reject));
  const consumer = new Consumer({
    consumer: name,
    kafka: { brokers: [broker], clientId: 'bench', client, logger },
    topics: [event ? ORDER_PLACED : ORDER_COMPLETED],
    reactions: new Map([[event ? OrderPlaced : OrderCompleted, new REACTIONS[reaction](progress) as AnyReaction<never>]]),
    ...(opened && { personal: opened.personal }),
    processed: new ProcessedEvents(name, TTL_MS),
    outbox: new Outbox({ producer: { name: 'bench', version: '1.0.0' }, schemas: new Map(), committed: () => undefined }),
    database,
    concurrency: CONCURRENCY,
    ...(groupCommit !== undefined && { groupCommit }),
    retry: RETRY,
    logger,
    onFatal: (error) => fail(error),
  });
  await consumer.start();
  return {
    async run() {
      progress.begin();
      const memory = new HalvesOfMemory(events / 2);
      const rows = countRows(reaction === 'effect' ? 'effects' : 'timeline');
      const count = async () => (await database.query<{ rows: number }>(rows))[0]!.rows;
      const look = watchMemory ? () => memory.look(progress.done) : undefined;
      const all = progress.untilAll(count, warmUp + events, look);
      await Promise.race([all, failed]);
      return progress.work(events, watchMemory ? memory.values : {});
    },
    async end() {
      await consumer.stop();
      await Promise.all([database.close(), opened?.close()]);
    },
  };
});

/** The most memory that was in use in the first half of the events and in the second one, and how one is beside the other. */
class HalvesOfMemory {
  #first = 0;
  #second = 0;

  constructor(private readonly half: number) {}

  look(done: number): void {
    const megabytes = process.memoryUsage.rss() / 2 ** 20;
    if (done < this.half) this.#first = Math.max(this.#first, megabytes);
    else this.#second = Math.max(this.#second, megabytes);
  }

  get values(): Readonly<Record<string, number>> {
    return { firstHalfMegabytes: this.#first, secondHalfMegabytes: this.#second, memoryGrowth: this.#second / this.#first };
  }
}
